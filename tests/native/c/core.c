/* A core library with its own allocator, as SER's core has. */
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x5e12
#define ROOM (2 * sizeof(void *))

int core_version = 2003;

static long used;

void *core_malloc(size_t size)
{
	int *block = malloc(ROOM + size);

	*block = MAGIC;
	used++;
	return (char *)block + ROOM;
}

void core_free(void *memory)
{
	int *block = (int *)(void *)((char *)memory - ROOM);

	if (*block != MAGIC)
		abort(); /* another allocator made it */
	*block = 0;
	used--;
	free(block);
}

char *core_strdup(const char *text)
{
	return strcpy(core_malloc(strlen(text) + 1), text);
}

long core_used(void)
{
	return used;
}
