/* What a disk and a clock can do, loaded before the system's library.
 *
 * While the file that ATTACK_HANG names exists, nothing that syncs or reads at an offset returns. The file that
 * ATTACK_CLOCK names holds seconds, by which the wall clock is ahead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void hang(void) {
    const char *path = getenv("ATTACK_HANG");
    while (path && !access(path, F_OK)) usleep(10000);
}

int fsync(int fd) {
    static int (*next)(int);
    if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    hang();
    return next(fd);
}

int fdatasync(int fd) {
    static int (*next)(int);
    if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    hang();
    return next(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(clock, time);
    const char *path = getenv("ATTACK_CLOCK");
    if (path && clock == CLOCK_REALTIME && !result) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            char text[32] = {0};
            if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atoll(text);
            close(file);
        }
    }
    return result;
}
