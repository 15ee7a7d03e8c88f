/*
 * What the parts of the oracle's extension share: writing a trace.
 *
 * The format is that of the recorded traces in tests/traces, one JSON object a
 * line. Nothing here may call palloc: a script must find its memory contexts as
 * it left them.
 */
#ifndef ORACLE_TRACE_H
#define ORACLE_TRACE_H

#include "postgres.h"

#include <stdio.h>

/* Open a file for writing, or raise an error. */
extern FILE *trace_open(const char *path);

/* Close it; an error if not everything could be written. */
extern void trace_close(FILE *out, const char *path);

/* A string in quotes, as JSON has it. */
extern void trace_string(FILE *out, const char *text);

#endif
