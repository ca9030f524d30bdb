/*
 * Faults on demand, for a program that is told nothing of them: LD_PRELOAD=faults.so
 *
 *   FAULT_PATH   only files whose path holds this
 *   FAULT_CALLS  calls that count: write,sync,rename,link,unlink,truncate
 *   FAULT_AT     the how-manieth of them fails, from 1 on
 *   FAULT_ERRNO  how; 0: the process is killed instead
 *   FAULT_STAYS  if set, all later ones fail too
 *   FAULT_LOG    a file that gets a line for each that counts
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted = 0;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* True when the call is to fail; errno is set then. */
static int fails(const char *call, const char *path) {
  const char *wanted = getenv("FAULT_PATH"), *calls = getenv("FAULT_CALLS"), *at = getenv("FAULT_AT");
  if (!wanted || !calls || !at || !path || !strstr(path, wanted) || !strstr(calls, call)) return 0;
  pthread_mutex_lock(&lock);
  long number = ++counted;
  const char *log = getenv("FAULT_LOG");
  if (log) {
    int fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    char line[4200];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (fd >= 0) {
      REAL(write)(fd, line, length);
      close(fd);
    }
  }
  long due = atol(at);
  int is_due = number == due || (getenv("FAULT_STAYS") && number > due);
  if (is_due) {
    const char *error = getenv("FAULT_ERRNO");
    int code = error ? atoi(error) : EIO;
    if (code == 0) kill(getpid(), SIGKILL);
    errno = code;
  }
  pthread_mutex_unlock(&lock);
  return is_due;
}

static int fails_fd(const char *call, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

ssize_t write(int fd, const void *bytes, size_t size) {
  return fails_fd("write", fd) ? -1 : REAL(write)(fd, bytes, size);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return fails_fd("write", fd) ? -1 : REAL(pwrite)(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  return fails_fd("write", fd) ? -1 : REAL(pwrite64)(fd, bytes, size, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return fails_fd("write", fd) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return fails_fd("write", fd) ? -1 : REAL(pwritev64)(fd, parts, count, at);
}
int fsync(int fd) { return fails_fd("sync", fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails_fd("sync", fd) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return fails_fd("truncate", fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return fails_fd("truncate", fd) ? -1 : REAL(ftruncate64)(fd, size); }
int rename(const char *from, const char *to) { return fails("rename", to) ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return fails("link", to) ? -1 : REAL(link)(from, to); }
int unlink(const char *path) { return fails("unlink", path) ? -1 : REAL(unlink)(path); }
