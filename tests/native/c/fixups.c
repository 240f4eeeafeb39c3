/* Fixups that leave a number, a structure, a compiled expression, and a null pointer. */
#include <sermod.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	char *left;
	int right;
};

/* The message of the tests. */
struct sip_msg {
	int counter;
	char text[252];
};

static int to_number(void **param, int param_no)
{
	char *end;
	long number = strtol((char *)*param, &end, 10);

	(void)param_no;
	if (*end != 0 || end == *param)
		return -1;
	free(*param);
	*param = (void *)number;
	return 0;
}

static int to_pair(void **param, int param_no)
{
	struct pair *pair = malloc(sizeof(*pair));

	if (pair == 0)
		return -2;
	pair->left = *param; /* the fixup owns the string */
	pair->right = param_no;
	*param = pair;
	return 0;
}

static int to_regex(void **param, int param_no)
{
	regex_t *compiled = malloc(sizeof(*compiled));

	(void)param_no;
	if (compiled == 0 || regcomp(compiled, *param, REG_EXTENDED | REG_NOSUB) != 0) {
		free(compiled);
		return -3;
	}
	free(*param);
	*param = compiled;
	return 1; /* only a negative result is an error */
}

static int to_nothing(void **param, int param_no)
{
	(void)param_no;
	free(*param);
	*param = 0;
	return 0;
}

static int leave_alone(void **param, int param_no)
{
	((char *)*param)[0] = (char)('0' + param_no);
	return 0;
}

static int add(struct sip_msg *msg, char *param1, char *param2)
{
	msg->counter += (int)(long)param1 + (int)(long)param2;
	return msg->counter;
}

static int right_of(struct sip_msg *msg, char *param1, char *param2)
{
	struct pair *first = (struct pair *)(void *)param1, *second = (struct pair *)(void *)param2;

	(void)msg;
	return (int)strlen(first->left) * 100 + first->right * 10 + second->right;
}

static int matches(struct sip_msg *msg, char *param1, char *param2)
{
	(void)param2;
	return regexec((regex_t *)(void *)param1, msg->text, 0, 0, 0) == 0 ? 1 : -1;
}

static int is_null(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param2;
	return param1 == 0 ? 1 : -1;
}

static int first_digit(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	return (param1[0] - '0') * 10 + param2[0] - '0';
}

static cmd_export_t cmds[] = {
	{"add", add, 1, to_number, REQUEST_ROUTE},
	{"add", add, 2, to_number, REQUEST_ROUTE},
	{"right_of", right_of, 2, to_pair, REQUEST_ROUTE},
	{"matches", matches, 1, to_regex, REQUEST_ROUTE | REPLY_ROUTE},
	{"is_null", is_null, 1, to_nothing, REQUEST_ROUTE},
	{"first_digit", first_digit, 2, leave_alone, REQUEST_ROUTE},
	{0, 0, 0, 0, 0},
};

struct module_exports exports = {"fixups", cmds, 0, 0, 0, 0, 0, 0};
