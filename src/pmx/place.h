/* place.h - where the run-time files of a milter lie: a folder of its own below run_dir. */
#ifndef DEFANG_PMX_PLACE_H
#define DEFANG_PMX_PLACE_H

struct place { /* paths; owned */
	char *folder;
	char *lock;  /* held by a pmx-milter that changes the milter; the file says what it does */
	char *state; /* state.h */
	char *asked; /* asked.h */
	char *front_pid, *front_lock, *front_socket;
	char *mux_pid, *mux_lock, *mux_socket;
};

/* 0 or -ENOMEM. Free in any case. */
int place_init(struct place *p, const char *run_dir, const char *name);
void place_free(struct place *p);

/* The milter's name for the name of a folder, in place. */
void place_name_decode(char *folder);

#endif
