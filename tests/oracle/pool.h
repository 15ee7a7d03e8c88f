/*
 * What a buffer script needs of the server: its relations, a pool that looks
 * as if the server had just started, and what is in the pool at any moment.
 *
 * Names that changed from one version to the next are those of the newest here.
 */
#ifndef ORACLE_POOL_H
#define ORACLE_POOL_H

#include "trace.h"

#include "access/xlogdefs.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

/* Two permanent ones, an unlogged one, two temporary ones. */
#define RELATIONS 5

#if PG_VERSION_NUM < 160000
#define DropRelationsAllBuffers DropRelFileNodesAllBuffers
#define DropRelationBuffers DropRelFileNodeBuffers
#endif

extern Relation pool_relations[RELATIONS];

/* Open the relations, and a few catalogs to be found in the pool. */
extern void pool_open(void);
extern void pool_close(void);

/* The pool of a server that has just started; then `catalogs` reads of catalog pages. */
extern void pool_start(const int64 *nblocks, int catalogs);

/* The header's fields that tell of pool and relations. */
extern void pool_write_header(FILE *out, int backends);

/* What changed since the last call, as an operation's record tells it. */
extern void pool_write_changes(FILE *out, bool whole_freelist);

/* The end record's fields. */
extern void pool_write_end(FILE *out);

/* Insert a small record and flush all WAL. */
extern void pool_flush_wal(void);

/* Where the trace counts WAL positions from. */
extern XLogRecPtr pool_wal_base;

/* How many local buffers this backend has pinned. */
extern int	pool_local_pins(void);

/* This process is another backend than the one that started: it has no local buffers. */
extern void pool_without_local(void);

/*
 * Whether another backend has a page pinned that is to be dropped: of a relation
 * (-1: any) from a block on. `mine` says which buffers this backend has pinned.
 */
extern bool pool_is_awaited(int rel, BlockNumber from, bool (*mine) (Buffer buffer));

#endif
