// A clock_gettime, and a gettimeofday as Redis asks it, for LD_PRELOAD. They add to the clocks of
// one process what a test has written into the file $SHIFTED_CLOCK: two numbers of 64 bits,
// nanoseconds for the time since boot with suspension and for the wall clock. So a suspended
// machine is seen without suspending one.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t second = 1'000'000'000;

const volatile std::int64_t* shifts() {
  const char* name = std::getenv("SHIFTED_CLOCK");
  const int file = name == nullptr ? -1 : ::open(name, O_RDONLY);
  void* at = ::mmap(nullptr, 16, PROT_READ, MAP_SHARED, file, 0);
  return at == MAP_FAILED ? nullptr : static_cast<const volatile std::int64_t*>(at);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const volatile std::int64_t* const shift = shifts();
  if (::syscall(SYS_clock_gettime, clock, time) != 0) return -1;
  if (shift == nullptr || (clock != CLOCK_BOOTTIME && clock != CLOCK_REALTIME)) return 0;
  const auto all = time->tv_sec * second + time->tv_nsec + shift[clock == CLOCK_REALTIME];
  time->tv_sec = all / second;
  time->tv_nsec = all % second;
  return 0;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
