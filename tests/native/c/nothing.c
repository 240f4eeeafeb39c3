/* A module that exports nothing but its name. */
#include <sermod.h>

struct module_exports exports = {"nothing", 0, 0, 0, 0, 0, 0, 0};
