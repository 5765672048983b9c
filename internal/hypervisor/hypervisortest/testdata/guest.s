# The smallest guest that is of use in a test: a boot sector that speaks over
# the first serial port and listens to the power button. It looks every 55 ms
# (the BIOS's timer) and is halted in between.
#
#   at start          says "ready"
#   power button      says "bye" and powers off
#   o                 powers off
#   r                 resets
#   d                 says "deaf" and ignores the power button from now on
#   f                 says 64 KiB of lines
#   w                 writes itself to its disk's second sector, says "written"
#   p                 says "kept" if it finds itself there, "blank" if not
#   anything else     says it back
#   interrupt (NMI)   says "nmi"
#

        .code16
        .globl _start
_start:
        cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        cld
        movb %dl, drive
        movw $nmi, 8            # vector 2
        movw %ax, 10
        movw $0x3fb, %dx        # line control: divisor, then 8 bits
        movb $0x80, %al
        outb %al, %dx
        movw $0x3f8, %dx
        movw $1, %ax
        outw %ax, %dx           # 115200 baud
        movw $0x3fb, %dx
        movb $3, %al
        outb %al, %dx
        movw $0x3fa, %dx        # buffers on and empty
        movb $7, %al
        outb %al, %dx
        movw $0x602, %dx        # PM1 enable: the power button
        movw $0x100, %ax
        outw %ax, %dx
        movw $ready, %si
        call say
wait:
        sti
        hlt
look:
        movw $0x600, %dx        # PM1 status
        inw %dx, %ax
        testb $1, %ah
        jnz pressed
        movw $0x3fd, %dx        # line status
        inb %dx, %al
        testb $1, %al
        jz wait
        movw $0x3f8, %dx
        inb %dx, %al
        cmpb $'o', %al
        je off
        cmpb $'r', %al
        je reset
        cmpb $'d', %al
        je deaf
        cmpb $'f', %al
        je flood
        cmpb $'w', %al
        je write
        cmpb $'p', %al
        je probe
        call put
        jmp look
pressed:
        movw $bye, %si
        call say
off:
        movw $0x604, %dx        # PM1 control: sleep, type 0 is off
        movw $0x2000, %ax
        outw %ax, %dx
        hlt
reset:
        movb $0xfe, %al
        outb %al, $0x64
        hlt
deaf:
        movw $0x602, %dx
        xorw %ax, %ax
        outw %ax, %dx
        movw $unheard, %si
        call say
        jmp look
flood:
        movw $4096, %cx
1:      movw $line, %si
        call say
        loop 1b
        jmp look
write:
        movw $_start, %bx
        movw $0x0301, %ax       # BIOS: write one sector
        call disk
        movw $written, %si
        call say
        jmp look
probe:
        movw $0x8000, %bx
        movw $0x0201, %ax       # BIOS: read one sector
        call disk
        movw $kept, %si
        movw 0x8000, %ax
        cmpw _start, %ax
        je 1f
        movw $blank, %si
1:      call say
        jmp look
disk:
        movw $2, %cx            # cylinder 0, sector 2
        xorb %dh, %dh
        movb drive, %dl
        int $0x13
        ret
nmi:                            # the BIOS may be at work, with segments of its own
        pushaw
        pushw %ds
        xorw %ax, %ax
        movw %ax, %ds
        movw $nmis, %si
        call say
        popw %ds
        popaw
        iretw
say:
        lodsb
        testb %al, %al
        jz 1f
        call put
        jmp say
1:      ret
put:
        movb %al, %ah
        movw $0x3fd, %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        movw $0x3f8, %dx
        movb %ah, %al
        outb %al, %dx
        ret

ready:  .asciz "ready\r\n"
bye:    .asciz "bye\r\n"
unheard: .asciz "deaf\r\n"
written: .asciz "written\r\n"
kept:   .asciz "kept\r\n"
blank:  .asciz "blank\r\n"
nmis:   .asciz "nmi\r\n"
line:   .asciz "0123456789abcd\r\n"
drive:  .byte 0
        .org 510
        .byte 0x55, 0xaa
