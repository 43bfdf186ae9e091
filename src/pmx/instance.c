#include "pmx/instance.h"

#include "pmx/alive.h"
#include "pmx/conf_line.h"
#include "pmx/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A phase that passes is believed only while somebody is at work on it. */
static bool phase_is(const struct instance *i, const char *phase)
{
	return i->has_state && strcmp(i->state.phase, phase) == 0;
}

static enum instance_state judge(const struct instance *i, int state_error)
{
	if (i->front < 0 || i->mux < 0 ||
	    (state_error < 0 && state_error != -ENOENT && state_error != -EINVAL))
		return INSTANCE_UNKNOWN;
	if (i->front == 0 && i->mux == 0) {
		if (control_is_held(&i->place)) /* a start begins, or a stop is about to be over */
			return phase_is(i, "stopping") ? INSTANCE_STOPPING : INSTANCE_STARTING;
		return i->has_state || is_there(i->place.state) || is_there(i->place.front_pid) ||
				       is_there(i->place.mux_pid)
			       ? INSTANCE_DEAD
			       : INSTANCE_STOPPED;
	}
	/* A front end goes on ending by itself; a controller that nobody sees to does not. */
	if (phase_is(i, "stopping") && (i->front != 0 || control_is_held(&i->place)))
		return INSTANCE_STOPPING;
	if (phase_is(i, "starting") && control_is_held(&i->place))
		return INSTANCE_STARTING;
	if (i->front == 0)
		return INSTANCE_NO_FRONT;
	return i->mux == 0 ? INSTANCE_NO_MUX : INSTANCE_RUNNING;
}

void instance_update(struct instance *i)
{
	int rc;

	if (i->has_state)
		state_free(&i->state);
	rc = state_read(i->place.state, &i->state);
	i->has_state = rc == 0;
	if (rc < 0)
		i->state = (struct state){ .name = NULL };
	i->front = alive_holder(i->place.front_lock);
	i->mux = alive_holder(i->place.mux_lock);
	i->is = judge(i, rc);
}

int instance_look(struct instance *i, const char *run_dir, const char *name)
{
	*i = (struct instance){ .name = strdup(name) };
	if (i->name == NULL || place_init(&i->place, run_dir, name) < 0)
		return -ENOMEM;
	instance_update(i);
	return 0;
}

void instance_free(struct instance *i)
{
	if (i->has_state)
		state_free(&i->state);
	place_free(&i->place);
	free(i->name);
	*i = (struct instance){ .name = NULL };
}

bool instance_has_process(const struct instance *i)
{
	return i->front != 0 || i->mux != 0;
}

static int by_name(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Sockets of milters may lie beside the folders. What cannot be looked at counts: it may be a milter. */
static bool is_folder(DIR *in, const char *name)
{
	struct stat st;

	if (fstatat(dirfd(in), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT;
	return S_ISDIR(st.st_mode);
}

static int add(const char *run_dir, char *name, struct instance **all, size_t *n)
{
	struct instance *grown;
	int rc;

	place_name_decode(name);
	if (!conf_line_is_name(name))
		return 0;
	if ((grown = realloc(*all, (*n + 1) * sizeof(*grown))) == NULL)
		return -ENOMEM;
	*all = grown;
	if ((rc = instance_look(&grown[*n], run_dir, name)) < 0 || grown[*n].is == INSTANCE_STOPPED)
		instance_free(&grown[*n]);
	else
		++*n;
	return rc;
}

int instances_find(const char *run_dir, struct instance **out, size_t *n)
{
	DIR *folder = opendir(run_dir);
	struct dirent *entry;
	int rc = 0;

	*out = NULL;
	*n = 0;
	if (folder == NULL)
		return -errno;
	while (rc == 0 && (entry = readdir(folder)) != NULL)
		if (is_folder(folder, entry->d_name))
			rc = add(run_dir, entry->d_name, out, n);
	closedir(folder);
	if (rc < 0) {
		instances_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	if (*n > 1)
		qsort(*out, *n, sizeof(**out), by_name);
	return rc;
}

void instances_free(struct instance *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		instance_free(&all[i]);
	free(all);
}
