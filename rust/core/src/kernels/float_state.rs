//! The default floating-point state, whatever the caller has set.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;

/// Holds the default state of this thread while it lives, and restores the caller's when dropped.
///
/// A caller can make the processor round otherwise, or turn denormal numbers into zeros: after
/// `torch.set_flush_denormal(True)` the conversion from float32 alone gave other scores. New threads inherit the state,
/// so each has to take its own.
#[derive(Debug)]
#[must_use = "the state is restored when this is dropped"]
pub struct DefaultFloatState {
    callers: Control,
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
#[cfg(target_arch = "aarch64")]
type Control = u64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Control = ();

/// MXCSR: round to nearest, denormals kept, all exceptions masked (Intel SDM, volume 1, section 10.2.3).
#[cfg(target_arch = "x86_64")]
const DEFAULT: Control = 0x1f80;
/// FPCR: round to nearest, denormals kept, nothing trapped (Arm ARM, section C5.2.8).
#[cfg(target_arch = "aarch64")]
const DEFAULT: Control = 0;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const DEFAULT: Control = ();

impl DefaultFloatState {
    /// Sets the default state.
    #[inline(never)]
    pub fn take() -> Self {
        let callers = read();
        write(DEFAULT);
        Self { callers }
    }
}

impl Drop for DefaultFloatState {
    #[inline(never)]
    fn drop(&mut self) {
        write(self.callers);
    }
}

#[cfg(target_arch = "x86_64")]
fn read() -> Control {
    let mut control: Control = 0;
    // SAFETY: stmxcsr stores 4 bytes to an address that we own, and every x86-64 processor has it.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags)) };
    control
}

#[cfg(target_arch = "x86_64")]
fn write(control: Control) {
    // SAFETY: ldmxcsr loads 4 bytes from an address that we own; the value is the default or one that was read, so no
    // reserved bit is set.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags)) };
}

#[cfg(target_arch = "aarch64")]
fn read() -> Control {
    let control: Control;
    // SAFETY: reading FPCR has no effect, and every AArch64 processor with floating point has it.
    unsafe { asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags)) };
    control
}

#[cfg(target_arch = "aarch64")]
fn write(control: Control) {
    // SAFETY: the value is the default or one that was read, so no reserved bit is set.
    unsafe { asm!("msr fpcr, {}", in(reg) control, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read() -> Control {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write((): Control) {}
