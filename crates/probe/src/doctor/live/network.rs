//! Acts in a network namespace of the child's own: `dwell_sys::raw` alone.

use dwell_sys::Errno;
use dwell_sys::raw;
use dwell_sys::raw::consts::{O_CLOEXEC, O_NONBLOCK, O_RDWR, POLLIN};

use super::acts::{CWD, Prepared};
use super::child::{Answer, Named, Refusal};
use super::files::map;

pub(crate) fn lo(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    map(prepared)?;
    raw::interface_up(c"lo").at("ioctl SIOCSIFFLAGS on lo")
}

/// `NFT_MSG_GETGEN`: asks nf_tables for the number of its rule set, in the namespace's own tables.
const GET_GENERATION: [u8; 20] = {
    let mut message = [0u8; 20];
    let length = 20u32.to_ne_bytes();
    // NFNL_SUBSYS_NFTABLES 10, message 16; NLM_F_REQUEST.
    let kind = (10u16 << 8 | 16).to_ne_bytes();
    let flags = 1u16.to_ne_bytes();
    let mut at = 0;
    while at < 4 {
        message[at] = length[at];
        if at < 2 {
            message[4 + at] = kind[at];
            message[6 + at] = flags[at];
        }
        at += 1;
    }
    message
};

pub(crate) fn netfilter(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    map(prepared)?;
    let socket = raw::netfilter_socket().at("socket NETLINK_NETFILTER")?;
    raw::send(socket, &GET_GENERATION).at("sendto nf_tables")?;
    match raw::poll1(socket, POLLIN, 2000) {
        Ok(0) => return Err(Errno::TIMEDOUT).at("recvfrom nf_tables"),
        other => other.at("poll")?,
    };
    let mut reply = [0u8; 256];
    let length = raw::recv(socket, &mut reply).at("recvfrom nf_tables")?;
    let number = |at: usize| {
        let bytes = reply.get(at..at.saturating_add(4)).and_then(|b| b.first_chunk::<4>());
        bytes.map_or(0, |bytes| i32::from_ne_bytes(*bytes))
    };
    /// `NLMSG_ERROR`: the header of 16 bytes is followed by the negative error number.
    const ERROR: i32 = 2;
    let errno = number(16).checked_neg().unwrap_or_default();
    if length >= 20 && number(4) & 0xffff == ERROR && (1..4096).contains(&errno) {
        return Err(Errno::from_raw_os_error(errno)).at("recvfrom nf_tables");
    }
    Ok(())
}

pub(crate) fn tun(prepared: &Prepared, _: &mut Answer) -> Result<(), Refusal> {
    let flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
    map(prepared)?;
    let device = raw::openat(CWD, c"/dev/net/tun", flags, 0).at("open /dev/net/tun")?;
    raw::tun_attach(device).at("ioctl TUNSETIFF on /dev/net/tun")
}
