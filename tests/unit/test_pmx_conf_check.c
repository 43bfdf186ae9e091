/* What follows from several keys: contradictions, ports and folders in use twice, limits of the machine. */
#include "pmx/conf_check.h"

#include "conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_22 "/123456789012345678901"
#define LONG_88 LONG_22 LONG_22 LONG_22 LONG_22
#define BLOCK(text) "<milter A>\n" text "\n</milter>\n"
#define PORT "port=inet:3366@127.0.0.1\n"
#define TWO(a, b) "<milter A>\nport=" a "\n</milter>\n<milter B>\nport=" b "\n</milter>\n"

/* Each configuration, and a part of what is said: NULL is nothing. */
static const struct {
	const char *text, *message;
} cases[] = {
	{ BLOCK(PORT), NULL },
	{ "", "pmx.conf: warning: there is no milter" },
	{ BLOCK(""), "pmx.conf:1: milter `A' has no port" },
	{ BLOCK("enabled=no"), "pmx.conf:1: milter `A' has no port" },
	{ BLOCK("port=__DEFAULT__"), "pmx.conf:2: milter `A' has no port" },
	{ BLOCK("port=25"), "pmx.conf:2: port: `25' begins with none of inet:" },
	{ BLOCK("port=inet:3366"), "names no host" },
	{ BLOCK("port=inet:80@127.0.0.1"), "pmx.conf:2: port: only root may listen below 1024" },
	{ BLOCK("port=inet:1024@127.0.0.1"), NULL },
	{ BLOCK("port=inet:3366@any"), "warning: port: everybody can reach it" },
	{ BLOCK(PORT "min_pooled_procs=3"),
	  "pmx.conf:3: milter `A': min_pooled_procs (3) is above max_pooled_procs (2)" },
	{ BLOCK(PORT "min_pooled_procs=3\nmax_pooled_procs=3"), NULL },
	{ BLOCK(PORT "min_pooled_procs=3\nconcurrency_limit=3"), NULL },
	{ BLOCK(PORT "max_pooled_procs=4\nconcurrency_limit=3"), "milter `A': concurrency_limit (3) and" },
	{ BLOCK(PORT "parallel_ticks=3"), "parallel_ticks is above max_pooled_procs (2)" },
	{ BLOCK(PORT "timeout=5"), "milter `A': command_timeout is above timeout (5 seconds)" },
	{ BLOCK(PORT "timeout=5\ncommand_timeout=5"), NULL },
	{ BLOCK(PORT "status_interval=4"), "status_interval is 0, or 5 seconds at least" },
	{ BLOCK(PORT "status_interval=5"), NULL },
	{ BLOCK(PORT "status_interval=0"), NULL },
	{ BLOCK(PORT "smtp_listen_port=25"), "milter `A': `smtp_listen_port' makes an SMTP proxy" },
	{ BLOCK(PORT "smtp_talk_port=25"), "makes an SMTP proxy" },
	{ BLOCK(PORT "smtp_talk_port=25\nenabled=no"), "warning: `smtp_talk_port' of PureMessage" },
	{ BLOCK(PORT "max_pooled_procs=103"),
	  "warning: milter `A': 103 workers may need more than the 1024 descriptors" },
	{ BLOCK(PORT "max_pooled_procs=102"), NULL },
	{ BLOCK(PORT "worker_max_memory=300M"), "warning: milter `A': twice 2 workers of worker_max_memory" },
	{ BLOCK(PORT "worker_max_memory=256M"), NULL },
	{ TWO("inet:3366@127.0.0.1", "inet:3367@127.0.0.1"), NULL },
	{ TWO("inet:3366@127.0.0.1", "inet:3366@127.0.0.2"), NULL },
	{ TWO("inet:3366@127.0.0.1", "inet6:3366@::1"), NULL },
	{ TWO("inet:3366@127.0.0.1", "inet:3366@localhost"),
	  "pmx.conf:5: `inet:3366@localhost' is in use already, by `inet:3366@127.0.0.1' at pmx.conf:2" },
	{ TWO("inet:3366@any", "inet:3366@127.0.0.1"), "is in use already" },
	{ TWO("inet:3366@host.example", "inet:3366@host.example"), "is in use already" },
	{ TWO("local:a.sock", "unix:/run/pmx/a.sock"), "is in use already" },
	{ TWO("local:a.sock", "local:b.sock"), NULL },
	{ BLOCK(PORT "status_port=inet:3366"), "pmx.conf:3: `inet:3366' is in use already" },
	{ BLOCK(PORT "status_port=/s\nmap_port=/s"), "is in use already" },
	{ BLOCK("port=local:s\nstatus_port=local:s"), "is in use already" },
	{ BLOCK(PORT "map_port=A/lock"), "pmx.conf:3: map_port: `A/lock' lies where" },
	{ BLOCK(PORT "notify_port=inet:99999"), "notify_port: `inet:99999': port is not a number" },
	{ BLOCK(PORT "notify_port=/n\nmap_port=/m\nstatus_port=inet:1"), NULL },
	{ "<milter A>\n" PORT "spool_dir=/s\n</milter>\n<milter B>\nport=local:x\nspool_dir=/s\n</milter>\n",
	  "pmx.conf:7: milter `B': spool_dir is that of milter `A' at pmx.conf:1, and must not be shared" },
	{ "spool_dir=/s\n<milter A>\n" PORT
	  "spool_dir=//s/B/\n</milter>\n<milter B>\nport=local:x\n</milter>\n",
	  "pmx.conf:1: milter `B': spool_dir is that of milter `A' at pmx.conf:2" },
	{ BLOCK("port=local:A/front.sock"),
	  "port: `local:A/front.sock' lies where the files of milter `A' are" },
	{ BLOCK("port=unix:/run//pmx/A"), "lies where the files of milter `A' are, in /run/pmx/A" },
	{ BLOCK(PORT "map_port=/run/pmx/A/lock"), "pmx.conf:3: map_port: `/run/pmx/A/lock' lies where" },
	{ TWO("local:a", "local:A/mux.sock"), "pmx.conf:5: port: `local:A/mux.sock' lies where" },
	{ "run_dir=" LONG_88 "1234567\n" BLOCK(PORT),
	  "its sockets below run_dir would have paths of 108 bytes, 107 is" },
	{ "run_dir=" LONG_88 "123456\n" BLOCK(PORT), NULL },
	{ "spool_dir=/s\n" TWO("local:a", "local:b"), NULL },
};

static void test_checks(void **state)
{
	const struct conf_machine machine = { .lowest_port = 1024,
					      .descriptors = 1024,
					      .memory_bytes = 1 << 30 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf c;
		bool warning = cases[i].message != NULL && strstr(cases[i].message, "warning: ") != NULL;

		assert_int_equal(fixture_read_text(cases[i].text, &c), 0);
		conf_check(&c, &machine);
		if (cases[i].message == NULL ? c.messages.len > 0
					     : strstr(c.messages.data, cases[i].message) == NULL)
			fail_msg("%s\n%s", cases[i].text, c.messages.data);
		assert_int_equal(c.n_errors, cases[i].message != NULL && !warning);
		conf_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_checks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
