/*
 * What of an interface's frames the kernel's own stack gets, behind the packet sockets that see all of them: a program at the ingress hook
 * (TCX, Linux ≥ 6.6). Who forwards in user space so spares the kernel a look at every packet that is not for it: a route lookup and an
 * error that nobody hears. The hook goes with its descriptor, whatever ends the process.
 *
 * Programs are classic BPF as of a socket filter (linux/filter.h), of which this translates absolute loads, AND with a constant, equality,
 * JSET and return; each becomes one or two instructions of eBPF, which has the same loads for programs at this hook.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <net/if.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device.h"
#include "namespace.h"

/* Of linux/bpf.h, which may be older than the kernel. */
#define TCX_INGRESS 46
#define VERDICT_PASS 0
#define VERDICT_DROP 2

#define INSTRUCTIONS_MAX 256
#define PROLOGUE 1

struct translation {
	struct bpf_insn code[PROLOGUE + 2 * INSTRUCTIONS_MAX];
	uint32_t count;
};

static void emit(struct translation *to, struct bpf_insn instruction)
{
	to->code[to->count++] = instruction;
}

/* Every classic instruction becomes two but for loads and AND; `starts` are their places, one beyond the last included. */
static uint32_t length_of(const struct sock_filter *classic)
{
	switch (classic->code) {
	case BPF_LD | BPF_ABS | BPF_B:
	case BPF_LD | BPF_ABS | BPF_H:
	case BPF_LD | BPF_ABS | BPF_W:
	case BPF_ALU | BPF_AND | BPF_K:
		return 1;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_RET | BPF_K:
		return 2;
	default:
		return 0;
	}
}

static void translate_one(struct translation *to, const struct sock_filter *classic, const uint32_t *starts,
			  uint32_t index)
{
	int32_t operand = (int32_t)classic->k;
	switch (BPF_CLASS(classic->code)) {
	case BPF_LD:
		emit(to, (struct bpf_insn){.code = (uint8_t)classic->code, .imm = operand});
		return;
	case BPF_ALU:
		emit(to, (struct bpf_insn){.code = (uint8_t)classic->code, .dst_reg = BPF_REG_0, .imm = operand});
		return;
	case BPF_RET:
		emit(to, (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_K,
					   .dst_reg = BPF_REG_0,
					   .imm = operand != 0 ? VERDICT_PASS : VERDICT_DROP});
		emit(to, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
		return;
	default: {
		uint32_t at = to->count;
		uint8_t operation = (uint8_t)BPF_OP(classic->code);
		emit(to, (struct bpf_insn){.code = BPF_JMP32 | operation | BPF_K,
					   .dst_reg = BPF_REG_0,
					   .off = (int16_t)(starts[index + 1 + classic->jt] - at - 1),
					   .imm = operand});
		emit(to, (struct bpf_insn){.code = BPF_JMP | BPF_JA,
					   .off = (int16_t)(starts[index + 1 + classic->jf] - at - 2)});
	}
	}
}

/* False: not of the kind that the head of this file names. */
static bool translate(struct translation *to, const struct sock_filter *program, size_t count)
{
	uint32_t starts[INSTRUCTIONS_MAX + 1];
	starts[0] = PROLOGUE;
	for (size_t index = 0; index < count; index++) {
		const struct sock_filter *classic = &program[index];
		uint32_t len = length_of(classic);
		bool is_jump = BPF_CLASS(classic->code) == BPF_JMP;
		if (len == 0 || (is_jump && (index + 1 + classic->jt >= count || index + 1 + classic->jf >= count)))
			return false;
		starts[index + 1] = starts[index] + len;
	}
	/* Absolute loads find their packet by register 6. */
	to->count = 0;
	emit(to, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1});
	for (size_t index = 0; index < count; index++)
		translate_one(to, &program[index], starts, (uint32_t)index);
	return true;
}

static int program_load(const struct translation *translation)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insn_cnt = translation->count,
		.insns = (uintptr_t)translation->code,
		.license = (uintptr_t) "GPL",
	};
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

static int ingress_link(int program_fd, uint32_t interface)
{
	union bpf_attr attr = {0};
	attr.link_create.prog_fd = (uint32_t)program_fd;
	attr.link_create.target_ifindex = interface;
	attr.link_create.attach_type = TCX_INGRESS;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr);
}

static int filter_here(const char *name, const struct translation *translation, const char **failed)
{
	uint32_t interface = if_nametoindex(name);
	*failed = "if_nametoindex";
	if (interface == 0)
		return -1;
	*failed = "BPF_PROG_LOAD";
	int program_fd = program_load(translation);
	if (program_fd < 0)
		return -1;
	*failed = "BPF_LINK_CREATE";
	int link_fd = ingress_link(program_fd, interface);
	int error = errno;
	close(program_fd);
	errno = error;
	return link_fd;
}

int ingress_filter_open(const char *name, const char *namespace_path, const uint8_t *instructions, size_t count,
			const char **failed)
{
	struct sock_filter program[INSTRUCTIONS_MAX];
	struct translation translation;
	namespace_home home;
	*failed = "ingress filter";
	errno = EINVAL;
	if (count == 0 || count > INSTRUCTIONS_MAX)
		return -1;
	memcpy(program, instructions, count * sizeof program[0]);
	if (!translate(&translation, program, count))
		return -1;
	*failed = "setns";
	if (!namespace_enter(namespace_path, &home))
		return -1;
	int fd = filter_here(name, &translation, failed);
	namespace_leave(home);
	return fd;
}
