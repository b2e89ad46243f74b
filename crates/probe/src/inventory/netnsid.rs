//! The ids that network namespaces have for one another (`RTM_GETNSID`, Linux 4.0).

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::model::NetnsId;

/// A socket to the kernel's routing, in the caller's network namespace.
pub(super) struct Route(OwnedFd);

impl Route {
    /// None where the kernel has no such thing.
    pub(super) fn open() -> Option<Route> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // Protocol 0 is NETLINK_ROUTE.
        rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None).ok().map(Route)
    }

    /// What the caller's network namespace calls the one behind `namespace`.
    pub(super) fn id_of(&self, namespace: BorrowedFd<'_>) -> NetnsId {
        let request = request(namespace.as_raw_fd());
        if rustix::net::send(&self.0, &request, SendFlags::empty()).is_err() {
            return NetnsId::Unknown;
        }
        let mut room = [0u8; 256];
        match rustix::net::recv(&self.0, &mut room, RecvFlags::empty()) {
            Ok((got, _)) => parse_answer(room.get(..got).unwrap_or_default()),
            Err(_) => NetnsId::Unknown,
        }
    }
}

const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NLM_F_REQUEST: u16 = 1;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

/// `struct nlmsghdr`, `struct rtgenmsg` (padded to four bytes), one attribute.
pub(super) fn request(fd: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(28);
    out.extend(28u32.to_ne_bytes());
    out.extend(RTM_GETNSID.to_ne_bytes());
    out.extend(NLM_F_REQUEST.to_ne_bytes());
    out.extend([0; 8]);
    out.extend([0; 4]);
    out.extend(8u16.to_ne_bytes());
    out.extend(NETNSA_FD.to_ne_bytes());
    out.extend(fd.to_ne_bytes());
    out
}

/// The id in an answer.
pub(super) fn parse_answer(answer: &[u8]) -> NetnsId {
    let Some((header, rest)) = answer.split_at_checked(16) else { return NetnsId::Unknown };
    let kind = header.get(4..6).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes);
    if kind != Some(RTM_NEWNSID) {
        return NetnsId::Unknown;
    }
    let mut rest = rest.get(4..).unwrap_or_default();
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let [a, b, c, d] = *head;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(value) = length.checked_sub(4).and_then(|n| tail.get(..n)) else { break };
        if u16::from_ne_bytes([c, d]) == NETNSA_NSID
            && let Ok(value) = <[u8; 4]>::try_from(value)
        {
            let id = i32::from_ne_bytes(value);
            return if id < 0 { NetnsId::Unassigned } else { NetnsId::Id(id) };
        }
        rest = tail.get(value.len().next_multiple_of(4)..).unwrap_or_default();
    }
    NetnsId::Unknown
}
