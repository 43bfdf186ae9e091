/* commands.h - what pmx-milter does. Each tells its results itself. */
#ifndef DEFANG_PMX_COMMANDS_H
#define DEFANG_PMX_COMMANDS_H

#include "pmx/run.h"

enum status command_start(const struct run *r);
enum status command_stop(const struct run *r);
enum status command_restart(const struct run *r);
enum status command_status(const struct run *r);

#endif
