/* Every kind of export, and every kind of null. The command ~log returns the calls so far. */
#include <sermod.h>
#include <stdio.h>
#include <string.h>

static char log_text[4096];

static void note(const char *format, const void *msg, const char *param1, const char *param2)
{
	size_t used = strlen(log_text);

	snprintf(log_text + used, sizeof(log_text) - used, format, (unsigned long)(size_t)msg,
		param1 ? param1 : "null", param2 ? param2 : "null");
}

static int init_result = 0;
static int response_result = 1;
static int child_result = 0;
static int result = 1;
static int negative = -7;
static char *text = "a default";
static char *no_text;
static char *same_text = "text";
static int same_int = 42;

static int any(struct sip_msg *msg, char *param1, char *param2)
{
	note("any %#lx %s %s\n", msg, param1, param2);
	return result;
}

static int both(struct sip_msg *msg, char *param1, char *param2)
{
	note("both %#lx %s %s\n", msg, param1, param2);
	return result;
}

/* Changes its parameter, as C code may. */
static int upper(struct sip_msg *msg, char *param1, char *param2)
{
	(void)param2;
	if (*param1 >= 'a' && *param1 <= 'z')
		*param1 += 'A' - 'a';
	note("upper %#lx %s %s\n", msg, param1, 0);
	return 1;
}

static int bytes(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param2;
	return (unsigned char)param1[0];
}

/* Functions with other arguments, for other modules. */
static char *read_log(void)
{
	return log_text;
}

static double half(double number, int times)
{
	while (times-- > 0)
		number /= 2;
	return number;
}

static int init(void)
{
	note("init_f\n", 0, 0, 0);
	return init_result;
}

static int response(struct sip_msg *msg)
{
	note("response_f %#lx\n", msg, 0, 0);
	return response_result;
}

static void destroy(void)
{
	note("destroy_f\n", 0, 0, 0);
}

static void onbreak(struct sip_msg *msg)
{
	note("onbreak_f %#lx\n", msg, 0, 0);
}

static int init_child(int rank)
{
	char line[64];

	snprintf(line, sizeof(line), "init_child_f %d\n", rank);
	note(line, 0, 0, 0);
	return child_result;
}

static cmd_export_t cmds[] = {
	{"none", any, 0, 0, REQUEST_ROUTE},
	{"one", any, 1, 0, REQUEST_ROUTE},
	{"two", any, 2, 0, REQUEST_ROUTE},
	{"reply", any, 0, 0, REPLY_ROUTE},
	{"both", both, 0, 0, REQUEST_ROUTE | REPLY_ROUTE},
	{"one", both, 2, 0, REQUEST_ROUTE}, /* an overload */
	{"upper", upper, 1, 0, REQUEST_ROUTE},
	{"bytes", bytes, 1, 0, REQUEST_ROUTE},
	{"internal", any, 2, 0, 0},
	{"~log", (cmd_function)(void (*)(void))read_log, 0, 0, 0},
	{"~half", (cmd_function)(void (*)(void))half, 17, 0, 0},
	{0, 0, 0, 0, 0},
};

static param_export_t params[] = {
	{"init_result", INT_PARAM, &init_result},
	{"response_result", INT_PARAM, &response_result},
	{"child_result", INT_PARAM, &child_result},
	{"result", INT_PARAM, &result},
	{"negative", INT_PARAM, &negative},
	{"text", STR_PARAM, &text},
	{"no_text", STR_PARAM, &no_text},
	{"same", INT_PARAM, &same_int},
	{"same", STR_PARAM, &same_text},
	{0, 0, 0},
};

struct module_exports exports = {
	"every_kind", cmds, params, init, response, destroy, onbreak, init_child,
};
