/* The same module as counting.py. */
#include <sermod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sip_msg {
	int counter;
	char text[252];
};

static int limit = 10;
static char *prefix = "<";
static char *suffix;
static int rank_of_child = -99;

static void append(struct sip_msg *msg, const char *text)
{
	strncat(msg->text, text, sizeof(msg->text) - strlen(msg->text) - 1);
}

static int number(void **param, int param_no)
{
	char *end;
	long value = strtol((char *)*param, &end, 10);

	(void)param_no;
	if (*end != 0 || end == *param)
		return -1;
	free(*param);
	*param = (void *)value;
	return 0;
}

static int add(struct sip_msg *msg, char *param1, char *param2)
{
	(void)param2;
	msg->counter += (int)(long)param1;
	return msg->counter > limit ? -1 : 1;
}

static int tag(struct sip_msg *msg, char *param1, char *param2)
{
	append(msg, prefix);
	append(msg, param1);
	append(msg, param2);
	append(msg, suffix ? suffix : ">");
	return 1;
}

static int rank(struct sip_msg *msg, char *param1, char *param2)
{
	(void)param1;
	(void)param2;
	msg->counter = rank_of_child;
	return 1;
}

static int stop(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	return 0;
}

static int init(void)
{
	return limit < 0 ? -5 : 0;
}

static int response(struct sip_msg *msg)
{
	return msg->counter <= limit;
}

static void onbreak(struct sip_msg *msg)
{
	append(msg, "!");
}

static int init_child(int number_of_child)
{
	rank_of_child = number_of_child;
	return number_of_child > 5 ? -6 : 0;
}

static cmd_export_t cmds[] = {
	{"add", add, 1, number, REQUEST_ROUTE},
	{"tag", tag, 2, 0, REQUEST_ROUTE | REPLY_ROUTE},
	{"rank", rank, 0, 0, REQUEST_ROUTE},
	{"stop", stop, 0, 0, REQUEST_ROUTE},
	{0, 0, 0, 0, 0},
};

static param_export_t params[] = {
	{"limit", INT_PARAM, &limit},
	{"prefix", STR_PARAM, &prefix},
	{"suffix", STR_PARAM, &suffix},
	{0, 0, 0},
};

struct module_exports exports = {"counting", cmds, params, init, response, 0, onbreak, init_child};
