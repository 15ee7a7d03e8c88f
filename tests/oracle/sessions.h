/*
 * Several sessions of the server, of which only one does something at a time.
 *
 * Session 0 is the process that begins; it forks the others and tells each when
 * it is its turn. They share the server's shared memory and have everything
 * else for themselves, as backends do.
 */
#ifndef ORACLE_SESSIONS_H
#define ORACLE_SESSIONS_H

#define MAX_SESSIONS 4

/* Which one this process is. */
extern int	session;

/*
 * Fork the others, up to this many sessions in all. Each answers questions by
 * this routine until there are no more, then calls `leave` and ends.
 */
extern void sessions_begin(int count, int (*answer) (int what, int number), void (*leave) (void));

/* Ask a session; session 0 answers by itself. */
extern int	sessions_ask(int whom, int what, int number);

/* No more questions; waits until the others have left. */
extern void sessions_end(void);

#endif
