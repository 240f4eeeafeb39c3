/*
 * sermod.h: the module interface of the SIP Express Router (SER), for modules in C and C++.
 *
 * A module includes this file, defines the variable `exports`, and is built as a shared object:
 *
 *     cc -shared -fPIC -I "$(python3 -c 'import sermod.native as n; print(n.include_dir())')" -o foobar.so foobar.c
 *
 * "Spec" is the chapter on the module interface in SER's documentation.
 */
#ifndef SERMOD_H
#define SERMOD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
/* In C++ a string literal is const. A core never writes to a name. */
typedef const char *sermod_name;
#else
typedef char *sermod_name;
#endif

#if defined(__GNUC__) && !defined(_WIN32)
/* Visible to the core, also with -fvisibility=hidden. */
#define SERMOD_VISIBLE __attribute__((visibility("default")))
#else
#define SERMOD_VISIBLE
#endif

/* The message that is processed. The host defines the structure. */
struct sip_msg;

/* Functions ------------------------------------------------------------------------------------ */

/*
 * A command (spec, 1.2). Omitted parameters are null pointers. Returns more than 0 for true, less
 * than 0 for false, and 0 to stop: the route ends there.
 *
 * A function for other modules only may have other arguments; cast it: (cmd_function)my_function.
 */
typedef int (*cmd_function)(struct sip_msg *msg, char *param1, char *param2);

/*
 * Called once for each parameter of each call in the script, at start-up (spec, 1.2). *param is the
 * parameter: a string that strdup() or the core's own allocator made, and that the fixup owns. The
 * command gets what the fixup leaves in *param. param_no counts from 1. A negative result stops the
 * server.
 */
typedef int (*fixup_function)(void **param, int param_no);

/* Called for every reply (spec, 1.6). The result 0 drops the reply. */
typedef int (*response_function)(struct sip_msg *msg);

/* Called for a message when the result 0 of a command ends its route. */
typedef void (*onbreak_function)(struct sip_msg *msg);

/* Called once, by the main process, when the server shuts down (spec, 1.5). */
typedef void (*destroy_function)(void);

/* Called once, before the main process forks (spec, 1.4). Anything but 0 stops the server. */
typedef int (*init_function)(void);

/* Called in each child after the fork, with its rank (spec, 1.4). If negative, the child ends. */
typedef int (*child_init_function)(int rank);

/* Commands ------------------------------------------------------------------------------------- */

/* Flags of a command: the routes in which the script may call it. 0: other modules only. */
#define REQUEST_ROUTE 1 /* in the main route block, for requests */
#define REPLY_ROUTE 2   /* in reply route blocks, for replies */

struct cmd_export_ {
	sermod_name name;      /* null terminated command name */
	cmd_function function; /* pointer to the corresponding function */
	int param_no;          /* number of parameters: 0, 1 or 2 for a command that the script can see */
	fixup_function fixup;  /* pointer to the function called to "fix" the parameters, or 0 */
	int flags;             /* the routes in which the script may call it */
};

/* The last element of an array is 0 in all its fields. */
typedef struct cmd_export_ cmd_export_t;

/* Parameters ----------------------------------------------------------------------------------- */

enum sermod_param_type {
	STR_PARAM, /* the variable is a char*; a null pointer means no value */
	INT_PARAM  /* the variable is an int */
};

typedef enum sermod_param_type modparam_t;

struct param_export_ {
	sermod_name name;    /* null terminated parameter name */
	modparam_t type;     /* the type of the variable */
	void *param_pointer; /* the address of the variable: &foo_bar, for a char* too */
};

/* The last element of an array is 0 in all its fields. */
typedef struct param_export_ param_export_t;

/* The module ----------------------------------------------------------------------------------- */

struct module_exports {
	sermod_name name;                 /* null terminated module name */
	cmd_export_t *cmds;               /* array of the exported commands, or 0 */
	param_export_t *params;           /* array of the exported parameters, or 0 */
	init_function init_f;             /* initialisation, or 0 */
	response_function response_f;     /* function for replies, or 0 */
	destroy_function destroy_f;       /* clean-up, or 0 */
	onbreak_function onbreak_f;       /* function for routes that the result 0 ends, or 0 */
	child_init_function init_child_f; /* initialisation of each child, or 0 */
};

/* The variable that the core looks for in every module. */
extern SERMOD_VISIBLE struct module_exports exports;

/* Ranks of the special processes. Ordinary children have the ranks 1, 2, 3 and so on. */
#define PROC_MAIN 0      /* the main process, after it forked the children */
#define PROC_TIMER (-1)  /* the process that runs the timers */
#define PROC_FIFO (-2)   /* the process that serves the FIFO */
#define PROC_TCP_MAIN (-4) /* the process that distributes TCP connections */

/* Other modules -------------------------------------------------------------------------------- */

/*
 * Returns a command of any module, by its name, its number of parameters, and the flags that it
 * must have (0: none). Returns null if there is no such command.
 */
typedef cmd_function (*sermod_find_export_function)(const char *name, int param_no, int flags);

/*
 * A module that defines this variable,
 *
 *     sermod_find_export_function sermod_find_export;
 *
 * can call it: the host sets it before it calls init_f. Call it in init_f, in a fixup, in
 * init_child_f or in destroy_f. Its result may be kept and called at any time.
 */
extern SERMOD_VISIBLE sermod_find_export_function sermod_find_export;

/* The layout ----------------------------------------------------------------------------------- */

/* Each is an array type. If the layout is another one, its size is negative, which is an error. */
#define SERMOD_POINTERS(count) ((count) * sizeof(void *))
#define SERMOD_ASSERT(what, holds) typedef char sermod_assert_##what[(holds) ? 1 : -1]

SERMOD_ASSERT(int_is_4_bytes, sizeof(int) == 4);
SERMOD_ASSERT(type_is_an_int, sizeof(modparam_t) == sizeof(int));
SERMOD_ASSERT(functions_are_pointers, sizeof(cmd_function) == sizeof(void *));
SERMOD_ASSERT(str_param, STR_PARAM == 0);
SERMOD_ASSERT(int_param, INT_PARAM == 1);
SERMOD_ASSERT(cmd_function_at, offsetof(struct cmd_export_, function) == SERMOD_POINTERS(1));
SERMOD_ASSERT(cmd_param_no_at, offsetof(struct cmd_export_, param_no) == SERMOD_POINTERS(2));
SERMOD_ASSERT(cmd_fixup_at, offsetof(struct cmd_export_, fixup) == SERMOD_POINTERS(3));
SERMOD_ASSERT(cmd_flags_at, offsetof(struct cmd_export_, flags) == SERMOD_POINTERS(4));
SERMOD_ASSERT(cmd_param_no_size, sizeof(((struct cmd_export_ *)0)->param_no) == sizeof(int));
SERMOD_ASSERT(cmd_flags_size, sizeof(((struct cmd_export_ *)0)->flags) == sizeof(int));
SERMOD_ASSERT(cmd_size, sizeof(struct cmd_export_) == SERMOD_POINTERS(5));
SERMOD_ASSERT(param_type_at, offsetof(struct param_export_, type) == SERMOD_POINTERS(1));
SERMOD_ASSERT(param_pointer_at, offsetof(struct param_export_, param_pointer) == SERMOD_POINTERS(2));
SERMOD_ASSERT(param_size, sizeof(struct param_export_) == SERMOD_POINTERS(3));
SERMOD_ASSERT(exports_cmds_at, offsetof(struct module_exports, cmds) == SERMOD_POINTERS(1));
SERMOD_ASSERT(exports_params_at, offsetof(struct module_exports, params) == SERMOD_POINTERS(2));
SERMOD_ASSERT(exports_init_f_at, offsetof(struct module_exports, init_f) == SERMOD_POINTERS(3));
SERMOD_ASSERT(exports_response_f_at, offsetof(struct module_exports, response_f) == SERMOD_POINTERS(4));
SERMOD_ASSERT(exports_destroy_f_at, offsetof(struct module_exports, destroy_f) == SERMOD_POINTERS(5));
SERMOD_ASSERT(exports_onbreak_f_at, offsetof(struct module_exports, onbreak_f) == SERMOD_POINTERS(6));
SERMOD_ASSERT(exports_init_child_f_at, offsetof(struct module_exports, init_child_f) == SERMOD_POINTERS(7));
SERMOD_ASSERT(exports_size, sizeof(struct module_exports) == SERMOD_POINTERS(8));

#undef SERMOD_ASSERT
#undef SERMOD_POINTERS

#ifdef __cplusplus
}
#endif

#endif
