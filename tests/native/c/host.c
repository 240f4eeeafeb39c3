/*
 * A minimal core in C: it has modules, sets their parameters, finds their commands, fixes up and
 * runs calls, and runs the modules through their life. It has no code for Python.
 */
#include <dlfcn.h>
#include <regex.h>
#include <sermod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

struct module {
	struct module_exports *exports;
	struct module *next;
};

struct action {
	cmd_export_t *cmd;
	void *params[2];
};

static struct module *modules; /* newest first */
static struct action actions[MOST];
static int action_count;
static void *owned[4 * MOST]; /* values of parameters, freed at the end */
static int owned_count;
static long strings; /* copies that fixups own */

int host_add(struct module_exports *added)
{
	struct module *module = malloc(sizeof(*module));

	module->exports = added;
	module->next = modules;
	modules = module;
	return 0;
}

int host_load(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *found = handle ? dlsym(handle, "exports") : 0;

	if (found == 0)
		return -1;
	return host_add(found);
}

static cmd_export_t *find_cmd(const char *name, int param_no, int flags)
{
	struct module *module;
	cmd_export_t *cmd;

	for (module = modules; module; module = module->next)
		for (cmd = module->exports->cmds; cmd && cmd->name; cmd++)
			if (strcmp(cmd->name, name) == 0 && cmd->param_no == param_no
				&& (cmd->flags & flags) == flags)
				return cmd;
	return 0;
}

cmd_function host_find_export(const char *name, int param_no, int flags)
{
	cmd_export_t *cmd = find_cmd(name, param_no, flags);

	return cmd ? cmd->function : 0;
}

/* Returns the index of the command that is found, from the newest module on; -1: there is none. */
int host_place_of(const char *name, int param_no, int flags)
{
	cmd_export_t *found = find_cmd(name, param_no, flags), *cmd;
	struct module *module;
	int place = 0;

	for (module = modules; module; module = module->next)
		for (cmd = module->exports->cmds; cmd && cmd->name; cmd++, place++)
			if (cmd == found)
				return place;
	return -1;
}

static param_export_t *find_param(const char *name_of_module, const char *name, modparam_t type)
{
	struct module *module;
	param_export_t *param;

	for (module = modules; module; module = module->next)
		if (strcmp(module->exports->name, name_of_module) == 0)
			for (param = module->exports->params; param && param->name; param++)
				if (strcmp(param->name, name) == 0 && param->type == type)
					return param;
	return 0;
}

int host_has_param(const char *name_of_module, const char *name, int type)
{
	return find_param(name_of_module, name, (modparam_t)type) != 0;
}

int host_set_int(const char *name_of_module, const char *name, int value)
{
	param_export_t *param = find_param(name_of_module, name, INT_PARAM);

	if (param == 0)
		return -1;
	*(int *)param->param_pointer = value;
	return 0;
}

int host_get_int(const char *name_of_module, const char *name)
{
	return *(int *)find_param(name_of_module, name, INT_PARAM)->param_pointer;
}

int host_set_string(const char *name_of_module, const char *name, const char *value)
{
	param_export_t *param = find_param(name_of_module, name, STR_PARAM);

	if (param == 0)
		return -1;
	*(char **)param->param_pointer = value ? strdup(value) : 0;
	if (value)
		owned[owned_count++] = *(char **)param->param_pointer;
	return 0;
}

const char *host_get_string(const char *name_of_module, const char *name)
{
	return *(char **)find_param(name_of_module, name, STR_PARAM)->param_pointer;
}

/* Adds a call of the script. Returns its index among the actions, or -1. */
int host_bind(const char *name, int route, const char *param1, const char *param2)
{
	int count = (param1 != 0) + (param2 != 0);
	cmd_export_t *cmd = find_cmd(name, count, route);
	struct action *action = &actions[action_count];

	if (cmd == 0 || action_count == MOST)
		return -1;
	action->cmd = cmd;
	action->params[0] = param1 ? strdup(param1) : 0;
	action->params[1] = param2 ? strdup(param2) : 0;
	strings += count;
	return action_count++;
}

/* Frees the string of a fixup, for modules that know this core. */
void host_free(void *string)
{
	strings--;
	free(string);
}

long host_strings(void)
{
	return strings;
}

static int init_each(struct module *module)
{
	int code;

	if (module == 0)
		return 0;
	code = init_each(module->next); /* in load order: the oldest first */
	if (code != 0 || module->exports->init_f == 0)
		return code;
	return module->exports->init_f();
}

int host_init(void)
{
	int code = init_each(modules), index, number;

	if (code != 0)
		return code;
	for (index = 0; index < action_count; index++) {
		cmd_export_t *cmd = actions[index].cmd;

		for (number = 1; cmd->fixup && number <= cmd->param_no; number++) {
			code = cmd->fixup(&actions[index].params[number - 1], number);
			if (code < 0)
				return code;
		}
	}
	return 0;
}

static int init_child_of(struct module *module, int rank)
{
	int code;

	if (module == 0)
		return 0;
	code = init_child_of(module->next, rank);
	if (code < 0 || module->exports->init_child_f == 0)
		return code;
	return module->exports->init_child_f(rank);
}

int host_init_child(int rank)
{
	return init_child_of(modules, rank);
}

/* Runs the calls from `first` to `last`; if one returns 0, it runs each onbreak_f and stops. */
int host_run(struct sip_msg *msg, int first, int last)
{
	int result = 1, index;
	struct module *module;

	for (index = first; index <= last && result != 0; index++) {
		struct action *action = &actions[index];

		result = action->cmd->function(msg, action->params[0], action->params[1]);
	}
	if (result == 0)
		for (module = modules; module; module = module->next)
			if (module->exports->onbreak_f)
				module->exports->onbreak_f(msg);
	return result;
}

int host_reply(struct sip_msg *msg)
{
	struct module *module;

	for (module = modules; module; module = module->next)
		if (module->exports->response_f && module->exports->response_f(msg) == 0)
			return 0;
	return 1;
}

/*
 * Forks a child, which initialises the modules and runs the calls from `first` to `last` for the
 * message in shared memory. Returns its last result plus 100, or 50 plus its failure code.
 */
int host_child(int rank, struct sip_msg *shared, int first, int last)
{
	int status;
	pid_t pid;

	fflush(0);
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		int code = host_init_child(rank);

		code = code < 0 ? 50 - code : 100 + host_run(shared, first, last);
		fflush(0);
		_exit(code);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -2;
	return WEXITSTATUS(status);
}

void host_destroy(void)
{
	struct module *module;

	while (modules) {
		module = modules;
		if (module->exports->destroy_f)
			module->exports->destroy_f();
		modules = module->next;
		free(module);
	}
	action_count = 0;
	while (owned_count > 0)
		free(owned[--owned_count]);
}

/* Calls a function many times, for benchmarks and tests of leaks. */
int host_repeat(cmd_function function, int times, struct sip_msg *msg, char *param1, char *param2)
{
	int sum = 0;

	while (times-- > 0)
		sum += function(msg, param1, param2);
	return sum;
}

int host_repeat_action(int times, struct sip_msg *msg, int index)
{
	return host_repeat(actions[index].cmd->function, times, msg, actions[index].params[0],
		actions[index].params[1]);
}
