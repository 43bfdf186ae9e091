#include "milter/capabilities.h"

#include "proto/milter.h"

#include <stdbool.h>

static const struct {
	const char *name; /* behind MILTER_BUILDLIB_HAS_ */
	bool able;
} abilities[] = {
	{ "CHGFROM", (MILTER_F_ALL & MILTER_F_CHGFROM) != 0 },
	{ "CHGHDRS", (MILTER_F_ALL & MILTER_F_CHGHDRS) != 0 },
	{ "DATA", true },
	{ "INSHEADER", (MILTER_F_ALL & MILTER_F_ADDHDRS) != 0 },
	{ "NEGOTIATE", true },
	{ "OPENSOCKET", true },
	{ "PROGRESS", true },
	{ "QUARANTINE", (MILTER_F_ALL & MILTER_F_QUARANTINE) != 0 },
	{ "SETMLREPLY", true },
	{ "SETSYMLIST", (MILTER_F_ALL & MILTER_F_SETSYMLIST) != 0 },
	{ "UNKNOWN", true },
	{ "VERSION", true },
};

void capabilities_list(struct buf *out)
{
	buf_addf(out, "%-30s %d (Defang %s)\n", "SMFI_VERSION", MILTER_VERSION_MAX, DEFANG_VERSION);
	for (size_t i = 0; i < sizeof(abilities) / sizeof(abilities[0]); i++) {
		size_t before = out->len;

		buf_addf(out, "MILTER_BUILDLIB_HAS_%s", abilities[i].name);
		buf_addf(out, "%*s %d\n", (int)(30 - (out->len - before)), "", abilities[i].able);
	}
}
