/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V IPC and POSIX message queues. */
#include "say.h"
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	int sem = semget(IPC_PRIVATE, 3, 0640);
	struct semid_ds sd;
	SAY(semctl(sem, 0, IPC_STAT, (union semun){.buf = &sd}));
	printf("nsems %d mode %o uid %d ctime %d\n", (int)sd.sem_nsems, sd.sem_perm.mode, sd.sem_perm.uid == getuid(),
	       sd.sem_ctime > 1600000000);
	SAY(semctl(sem, 0, SETALL, (union semun){.array = (unsigned short[]){1, 2, 3}}));
	unsigned short all[3];
	SAY(semctl(sem, 0, GETALL, (union semun){.array = all}));
	printf("%d %d %d\n", all[0], all[1], all[2]);
	SAY(semctl(sem, 1, SETVAL, (union semun){.val = 9}));
	SAY(semctl(sem, 1, GETVAL));
	SAY(semctl(sem, 1, GETPID) == getpid());
	SAY(semop(sem, (struct sembuf[]){{0, -1, 0}, {1, -4, SEM_UNDO}}, 2));
	SAY(semctl(sem, 1, GETVAL));
	SAY(semtimedop(sem, &(struct sembuf){0, -1, 0}, 1, &(struct timespec){0, 10000000}));
	SAY(semop(sem, &(struct sembuf){0, -1, IPC_NOWAIT}, 1));
	sd.sem_perm.mode = 0600;
	SAY(semctl(sem, 0, IPC_SET, (union semun){.buf = &sd}));
	struct seminfo si;
	SAY(semctl(0, 0, IPC_INFO, (union semun){.info = &si}) >= 0);
	printf("semmsl %d semvmx %d\n", si.semmsl, si.semvmx);
	SAY(semctl(sem, 0, IPC_RMID));
	SAY(semctl(sem, 0, GETVAL));

	int q = msgget(IPC_PRIVATE, 0600);
	struct {
		long type;
		char text[100];
	} m = {7, "seven"};
	SAY(msgsnd(q, &m, 6, 0));
	m.type = 3;
	strcpy(m.text, "three");
	SAY(msgsnd(q, &m, 6, 0));
	m.type = 0;
	SAY(msgsnd(q, &m, 6, 0));
	struct msqid_ds md;
	SAY(msgctl(q, IPC_STAT, &md));
	printf("qnum %d cbytes %d lspid %d\n", (int)md.msg_qnum, (int)md.__msg_cbytes, md.msg_lspid == getpid());
	SAY(msgrcv(q, &m, 100, 3, 0));
	printf("%ld %s\n", m.type, m.text);
	SAY(msgrcv(q, &m, 2, 0, 0));
	SAY(msgrcv(q, &m, 2, 0, MSG_NOERROR));
	printf("%ld %.2s\n", m.type, m.text);
	SAY(msgrcv(q, &m, 2, 0, IPC_NOWAIT));
	SAY(msgctl(q, IPC_RMID, NULL));

	int id = shmget(IPC_PRIVATE, 10000, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	printf("attached %d\n", a != (void *)-1 && b != (void *)-1);
	strcpy(a, "shared");
	printf("%s\n", b);
	struct shmid_ds ds;
	SAY(shmctl(id, IPC_STAT, &ds));
	printf("size %d nattch %d\n", (int)ds.shm_segsz, (int)ds.shm_nattch);
	pid_t child = fork();
	if (child == 0) {
		strcpy(a, "from the child");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	printf("%s\n", b);
	SAY(shmctl(id, IPC_RMID, NULL));
	SAY(shmdt(a));
	SAY(shmdt(a));
	SAY(shmdt(b));
	SAY(shmctl(id, IPC_STAT, &ds));

	mqd_t mq = mq_open("/emu-sys-test", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &(struct mq_attr){.mq_maxmsg = 3, .mq_msgsize = 50});
	if (mq != (mqd_t)-1) {
		struct mq_attr at;
		char text[50];
		unsigned prio;
		SAY(mq_send(mq, "low", 4, 1));
		SAY(mq_send(mq, "high", 5, 9));
		SAY(mq_getattr(mq, &at));
		printf("%ld %ld %ld\n", (long)at.mq_maxmsg, (long)at.mq_msgsize, (long)at.mq_curmsgs);
		SAY(mq_receive(mq, text, 50, &prio));
		printf("%s %u\n", text, prio);
		SAY(mq_timedreceive(mq, text, 50, &prio, &(struct timespec){1, 0}));
		SAY(mq_receive(mq, text, 50, &prio));
		SAY(mq_receive(mq, text, 5, &prio));
		SAY(mq_notify(mq, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}));
		SAY(mq_notify(mq, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}));
		SAY(mq_unlink("/emu-sys-test"));
	}
	return 0;
}
