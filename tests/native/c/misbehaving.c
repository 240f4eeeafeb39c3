/* A module with commands that crash, abort, loop or exit. */
#include <sermod.h>
#include <stdio.h>
#include <stdlib.h>

static int segv(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	return *(volatile int *)0;
}

static int stop(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	abort();
}

static int loop(struct sip_msg *msg, char *param1, char *param2)
{
	volatile int forever = 1;

	(void)msg;
	(void)param1;
	(void)param2;
	while (forever)
		;
	return 1;
}

static int leave(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	exit(3);
}

static int well(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	(void)param1;
	(void)param2;
	printf("all is well\n");
	return 1;
}

static int crashing_init(void)
{
	return getenv("CRASH_IN_INIT") != 0 ? segv(0, 0, 0) : 0;
}

static cmd_export_t cmds[] = {
	{"segv", segv, 0, 0, REQUEST_ROUTE},
	{"stop", stop, 0, 0, REQUEST_ROUTE},
	{"loop", loop, 0, 0, REQUEST_ROUTE},
	{"leave", leave, 0, 0, REQUEST_ROUTE},
	{"well", well, 0, 0, REQUEST_ROUTE},
	{0, 0, 0, 0, 0},
};

struct module_exports exports = {"misbehaving", cmds, 0, crashing_init, 0, 0, 0, 0};
