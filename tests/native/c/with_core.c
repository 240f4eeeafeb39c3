/* A module that needs a core: its functions, its variable, and strings of its allocator. */
#include <sermod.h>
#include <stdlib.h>

extern int tests_core_version;
extern void tests_core_free(void *memory);
extern long tests_core_used(void);

static int number(void **param, int param_no)
{
	long value = strtol((char *)*param, 0, 10);

	(void)param_no;
	tests_core_free(*param);
	*param = (void *)value;
	return 0;
}

static int version(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param2;
	return tests_core_version + (int)(long)param1;
}

static int in_use(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	return (int)tests_core_used();
}

static cmd_export_t cmds[] = {
	{"version", version, 1, number, REQUEST_ROUTE},
	{"~in_use", in_use, 0, 0, 0},
	{0, 0, 0, 0, 0},
};

struct module_exports exports = {"with_core", cmds, 0, 0, 0, 0, 0, 0};
