/* A module that uses commands of other modules. */
#include <sermod.h>

sermod_find_export_function sermod_find_export;

static cmd_function found, internal;
static char *wanted = "answer";
static int wanted_params = 1;

static int init(void)
{
	found = sermod_find_export(wanted, wanted_params, 0);
	internal = sermod_find_export("~internal", 2, 0);
	/* A second look-up returns the same function. */
	if (found != sermod_find_export(wanted, wanted_params, 0))
		return -2;
	return found != 0 ? 0 : -1;
}

static int ask(struct sip_msg *msg, char *param1, char *param2)
{
	(void)param2;
	return found(msg, param1, 0);
}

static int ask_internal(struct sip_msg *msg, char *param1, char *param2)
{
	return internal != 0 ? internal(msg, param1, param2) : -100;
}

/* Too late: a command may not look up other commands. */
static int ask_late(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	return sermod_find_export("answer", 1, 0) == 0 ? 1 : -1;
}

static int fixup(void **param, int param_no)
{
	(void)param;
	(void)param_no;
	return sermod_find_export("answer", 1, 0) != 0 ? 0 : -1;
}

static cmd_export_t cmds[] = {
	{"ask", ask, 1, fixup, REQUEST_ROUTE},
	{"ask_internal", ask_internal, 2, 0, REQUEST_ROUTE},
	{"ask_late", ask_late, 0, 0, REQUEST_ROUTE},
	{0, 0, 0, 0, 0},
};

static param_export_t params[] = {
	{"wanted", STR_PARAM, &wanted},
	{"wanted_params", INT_PARAM, &wanted_params},
	{0, 0, 0},
};

struct module_exports exports = {"asking", cmds, params, init, 0, 0, 0, 0};
