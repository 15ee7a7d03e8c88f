/*
 * Several sessions of the server, of which only one does something at a time.
 */
#include "postgres.h"

#include <sys/wait.h>
#include <unistd.h>

#include "sessions.h"

typedef struct Other
{
	pid_t		process;
	int			questions;		/* to write to */
	int			answers;		/* to read from */
} Other;

int			session = 0;

static int	nsessions = 1;
static Other others[MAX_SESSIONS];
static int	(*answer) (int what, int number);

static bool
get(int from, int *numbers, size_t size)
{
	return read(from, numbers, size) == (ssize_t) size;
}

static bool
put(int to, const int *numbers, size_t size)
{
	return write(to, numbers, size) == (ssize_t) size;
}

/* What another session does all its life. */
static void
serve(int questions, int answers, void (*leave) (void))
{
	int			question[2];

	while (get(questions, question, sizeof(question)))
	{
		int			said = answer(question[0], question[1]);

		if (!put(answers, &said, sizeof(said)))
			_exit(1);
	}
	leave();
	_exit(0);
}

void
sessions_begin(int count, int (*routine) (int what, int number), void (*leave) (void))
{
	answer = routine;
	for (nsessions = 1; nsessions < Min(count, MAX_SESSIONS); nsessions++)
	{
		Other	   *other = &others[nsessions];
		int			to[2];
		int			from[2];

		if (pipe(to) != 0 || pipe(from) != 0)
			ereport(ERROR, (errmsg("no pipe for a session: %m")));
		other->questions = to[1];
		other->answers = from[0];
		other->process = fork();
		if (other->process < 0)
			ereport(ERROR, (errmsg("no session: %m")));
		if (other->process == 0)
		{
			/* A session whose questions another one could ask would never end. */
			for (int i = 1; i <= nsessions; i++)
			{
				close(others[i].questions);
				close(others[i].answers);
			}
			session = nsessions;
			serve(to[0], from[1], leave);
		}
		close(to[0]);
		close(from[1]);
	}
}

int
sessions_ask(int whom, int what, int number)
{
	int			question[2] = {what, number};
	int			said;

	if (whom == 0)
		return answer(what, number);
	if (whom >= nsessions || !put(others[whom].questions, question, sizeof(question)) ||
		!get(others[whom].answers, &said, sizeof(said)))
		ereport(ERROR, (errmsg("session %d gives no answer", whom)));
	return said;
}

void
sessions_end(void)
{
	for (int i = 1; i < nsessions; i++)
	{
		int			status;

		close(others[i].questions);
		close(others[i].answers);
		if (waitpid(others[i].process, &status, 0) != others[i].process || status != 0)
			ereport(ERROR, (errmsg("session %d ended with %d", i, status)));
	}
	nsessions = 1;
}
