/* crowd COUNT OWN ROUNDS PROGRAM [ARGUMENT]...: makes COUNT processes that wait, OWN of which are in a UTS
 * namespace of their own each, runs the program ROUNDS times among them, and prints the least time (µs) and the
 * most memory (KiB) that it took. What it prints the last time comes before. Process 1 of a pid namespace, so
 * that with it all of them end. 75: no more processes may be made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A waiting process needs little. What this program has in memory counts for those that it starts: the kernel takes
 * the most of both sides of execve(2). */
enum { STACK = 1024 };

static int ready[2];

static int member(void *own) {
    int failed = own != NULL && unshare(CLONE_NEWUTS) != 0;
    if (own != NULL) write(ready[1], failed ? "n" : "y", 1);
    for (;;) pause();
    return 0;
}

static long run(char **program, int is_last, struct rusage *used) {
    struct timespec from, to;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t pid = fork();
    if (pid == 0) {
        if (!is_last) dup2(open("/dev/null", O_WRONLY), 1);
        execv(program[0], program);
        _exit(127);
    }
    if (wait4(pid, &status, 0, used) != pid || status != 0) exit(1);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
}

int main(int count, char **words) {
    if (count < 5) return 2;
    int all = atoi(words[1]), own = atoi(words[2]), rounds = atoi(words[3]);
    char *stacks = mmap(NULL, (size_t)all * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED || pipe2(ready, O_CLOEXEC) != 0) return 1;
    for (int i = 0; i < all; i++) {
        /* They share the memory of this one: what each takes is the kernel's alone. */
        int pid = clone(member, stacks + (size_t)(i + 1) * STACK, CLONE_VM | SIGCHLD, i < own ? stacks : NULL);
        if (pid < 0) return errno == EAGAIN || errno == ENOMEM ? 75 : 1;
    }
    for (int i = 0; i < own; i++) {
        char said;
        if (read(ready[0], &said, 1) != 1 || said != 'y') return 1;
    }
    long least = -1, most = 0;
    for (int i = 1; i <= rounds; i++) {
        struct rusage used;
        long took = run(words + 4, i == rounds, &used);
        if (least < 0 || took < least) least = took;
        if (used.ru_maxrss > most) most = used.ru_maxrss;
    }
    printf("%ld %ld\n", least, most);
    return 0;
}
