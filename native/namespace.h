/*
 * Doing something in another network namespace: the calling thread enters it, acts, and comes back, all within one native call, so
 * that no JavaScript ever runs there. Needs CAP_SYS_ADMIN (setns(2)).
 */
#ifndef WEFT_NAMESPACE_H
#define WEFT_NAMESPACE_H

#include <stdbool.h>

/* Descriptor of the namespace to come back to. */
typedef int namespace_home;

#define NAMESPACE_STAYED (-1)

/*
 * Enters the namespace at `path`, or a fresh one for ""; NULL stays. False with errno if it cannot. Every entry is paired with a
 * namespace_leave.
 */
bool namespace_enter(const char *path, namespace_home *home);
/* Keeps errno. Failing to come back would leave the thread in a tenant's network: the process ends. */
void namespace_leave(namespace_home home);

#endif
