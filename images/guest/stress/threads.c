// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stress/threads.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"

/* THREAD_SIZE of arm64 and x86_64 (arch/.../asm/memory.h, page_64_types.h), or a page if larger. */
#define STACK_KB 16
#define THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/*
 * A thread that waits for ever in the kernel. It runs nothing but these instructions, none of
 * which touches memory, so all threads can have the stack pointer of the one that made them.
 */
static long clone_sleeper(void)
{
#if defined(__aarch64__)
	register long number __asm__("x8") = SYS_clone;
	register long result __asm__("x0") = THREAD_FLAGS;
	register long stack __asm__("x1") = 0;
	register long parent __asm__("x2") = 0;
	register long tls __asm__("x3") = 0;
	register long child __asm__("x4") = 0;

	__asm__ volatile("svc #0\n"
			 "cbnz x0, 2f\n"
			 "1: mov x0, #0\n mov x1, #0\n mov x2, #0\n mov x3, #0\n mov x4, #0\n"
			 "mov x8, %[ppoll]\n"
			 "svc #0\n"
			 "b 1b\n"
			 "2:\n"
			 : "+r"(result), "+r"(number), "+r"(stack), "+r"(parent), "+r"(tls), "+r"(child)
			 : [ppoll] "i"(SYS_ppoll)
			 : "memory", "cc");
	return result;
#elif defined(__x86_64__)
	register long result __asm__("rax") = SYS_clone;
	register long flags __asm__("rdi") = THREAD_FLAGS;
	register long stack __asm__("rsi") = 0;
	register long parent __asm__("rdx") = 0;
	register long child __asm__("r10") = 0;
	register long tls __asm__("r8") = 0;

	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 2f\n"
			 "1: mov %[pause], %%eax\n"
			 "syscall\n"
			 "jmp 1b\n"
			 "2:\n"
			 : "+r"(result), "+r"(flags), "+r"(stack), "+r"(parent), "+r"(child), "+r"(tls)
			 : [pause] "i"(SYS_pause)
			 : "rcx", "r11", "memory", "cc");
	return result;
#else
#error "no way to start a thread without a stack on this architecture"
#endif
}

void threads_grow(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t stack_kb = memory_page_kb() > STACK_KB ? memory_page_kb() : STACK_KB;
	int64_t wanted = request->amount / stack_kb, done = 0;

	while (done < wanted && memory_quick_free_kb() > request->floor_kb &&
	       clock_us() < request->deadline_us) {
		long result = clone_sleeper();

		if (result < 0) {
			answer->error = (int)-result;
			break;
		}
		done++;
	}
	answer->done_kb = done * stack_kb;
}
