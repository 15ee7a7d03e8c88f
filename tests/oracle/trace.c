/*
 * The oracle: what runs inside a real server so that pgscope can be compared
 * with it. Each kind of script has a file and an SQL function of its own;
 * `cargo xtask oracle` compiles, loads and calls them.
 */
#include "trace.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

FILE *
trace_open(const char *path)
{
	FILE	   *out = fopen(path, "w");

	if (out == NULL)
		ereport(ERROR, (errmsg("could not open \"%s\": %m", path)));
	return out;
}

void
trace_close(FILE *out, const char *path)
{
	bool		failed = ferror(out) != 0;

	if (fclose(out) != 0 || failed)
		ereport(ERROR, (errmsg("could not write \"%s\": %m", path)));
}

void
trace_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			fputs("\\n", out);
		else
		{
			if (*text == '"' || *text == '\\')
				fputc('\\', out);
			fputc(*text, out);
		}
	}
	fputc('"', out);
}
