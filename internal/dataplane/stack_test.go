package dataplane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// What the verifier allows: 512 bytes of stack and eight functions, from the
// program to the innermost one, callbacks included. Old kernels, 6.1 among them,
// count each function's part in steps of 32 bytes, newer ones in steps of 16:
// what a new kernel takes an old one may refuse.
const (
	maxStack  = 512
	maxFrames = 8
	stackStep = 32
)

// function is one of a program's, with how far down its stack goes.
type function struct {
	depth int
	calls []string
}

// functions finds those of a program. The depth is that of the lowest place
// that an instruction names.
func functions(all asm.Instructions) map[string]*function {
	found := map[string]*function{}
	var f *function
	var frames map[asm.Register]bool // registers that hold the frame's address
	for _, ins := range all {
		if name := ins.Symbol(); name != "" && found[name] == nil && (f == nil || !strings.HasPrefix(name, "LBB")) {
			f = &function{depth: 1}
			found[name] = f
			frames = map[asm.Register]bool{}
		}
		if ins.IsFunctionCall() || ins.IsFunctionReference() {
			f.calls = append(f.calls, ins.Reference())
		}
		class, op := ins.OpCode.Class(), ins.OpCode.ALUOp()
		low := 0
		switch {
		case class == asm.LdXClass && ins.Src == asm.RFP, (class == asm.StXClass || class == asm.StClass) && ins.Dst == asm.RFP:
			low = int(ins.Offset)
		case class == asm.ALU64Class && op == asm.Mov && ins.OpCode.Source() == asm.RegSource:
			frames[ins.Dst] = ins.Src == asm.RFP
		case class == asm.ALU64Class && op == asm.Add && ins.OpCode.Source() == asm.ImmSource && frames[ins.Dst]:
			low = int(ins.Constant)
			frames[ins.Dst] = false
		}
		f.depth = max(f.depth, -low)
	}
	return found
}

// deepest gives the chain of calls from a function that takes most, and how
// much that is.
func deepest(all map[string]*function, name string) (stack, frames int, chain string) {
	f := all[name]
	for _, c := range f.calls {
		s, n, ch := deepest(all, c)
		frames = max(frames, n)
		if s > stack {
			stack, chain = s, ch
		}
	}
	own := (f.depth + stackStep - 1) / stackStep * stackStep
	if chain != "" {
		chain = " > " + chain
	}
	return stack + own, frames + 1, fmt.Sprintf("%s %d%s", name, own, chain)
}

func TestStackFitsOldKernels(t *testing.T) {
	t.Parallel()
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range programNames {
		stack, frames, chain := deepest(functions(spec.Programs[name].Instructions), name)
		t.Logf("%s: %d bytes, %d functions: %s", name, stack, frames, chain)
		if stack > maxStack || frames > maxFrames {
			t.Errorf("%s takes %d bytes of stack and %d functions: %s", name, stack, frames, chain)
		}
	}
}
