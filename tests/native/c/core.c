/* A core library with its own allocator, as SER's core has. */
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x5e12
#define ROOM (2 * sizeof(void *))

int tests_core_version = 2003;

static long used;

void *tests_core_malloc(size_t size)
{
	int *block = malloc(ROOM + size);

	*block = MAGIC;
	used++;
	return (char *)block + ROOM;
}

void tests_core_free(void *memory)
{
	int *block = (int *)(void *)((char *)memory - ROOM);

	if (*block != MAGIC)
		abort(); /* another allocator made it */
	*block = 0;
	used--;
	free(block);
}

char *tests_core_strdup(const char *text)
{
	return strcpy(tests_core_malloc(strlen(text) + 1), text);
}

long tests_core_used(void)
{
	return used;
}
