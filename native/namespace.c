/* Entering and leaving network namespaces: see namespace.h. */
#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool enter(const char *path)
{
	if (path[0] == '\0')
		return unshare(CLONE_NEWNET) == 0;
	int target = open(path, O_RDONLY | O_CLOEXEC);
	if (target < 0)
		return false;
	bool entered = setns(target, CLONE_NEWNET) == 0;
	int error = errno;
	close(target);
	errno = error;
	return entered;
}

bool namespace_enter(const char *path, namespace_home *home)
{
	*home = NAMESPACE_STAYED;
	if (path == NULL)
		return true;
	*home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*home < 0)
		return false;
	if (enter(path))
		return true;
	int error = errno;
	close(*home);
	*home = NAMESPACE_STAYED;
	errno = error;
	return false;
}

void namespace_leave(namespace_home home)
{
	int error = errno;
	if (home == NAMESPACE_STAYED)
		return;
	if (setns(home, CLONE_NEWNET) != 0) {
		perror("weft: cannot return to the own network namespace");
		abort();
	}
	close(home);
	errno = error;
}
