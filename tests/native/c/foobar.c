/* The module of the spec's example, section 1.8. */
#include <sermod.h>
#include <stdio.h>

int foo_bar = 0;
char *bar_foo = "default value";

static int foo_req(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	printf("foo_req(%s, %s): foo_bar is %d, bar_foo is %s\n", param1, param2, foo_bar, bar_foo);
	return 1;
}

static int foo_int(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	return foo_bar;
}

static cmd_export_t cmds[] = {
	{"foo_req", foo_req, 2, 0, REQUEST_ROUTE},
	{"foo_int", foo_int, 2, 0, 0},
	{0, 0, 0, 0, 0},
};

static param_export_t params[] = {
	{"foo_bar", INT_PARAM, &foo_bar},
	{"bar_foo", STR_PARAM, &bar_foo},
	{0, 0, 0},
};

static int mod_init(void)
{
	printf("foo module initializing\n");
	return 0;
}

static int child_init(int rank)
{
	printf("child nr. %d initializing\n", rank);
	return 0;
}

static void destroy(void)
{
	printf("foo module cleaning up\n");
}

struct module_exports exports = {
	"foobar", cmds, params, mod_init, 0, destroy, 0, child_init,
};
