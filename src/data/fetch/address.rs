//! Which addresses may be asked: https anywhere, http on this machine alone.

use std::net::{Ipv4Addr, Ipv6Addr};

use ureq::http::Uri;

/// Checks the address of a folder of archives and ends it with a slash.
pub(super) fn mirror(text: &str) -> Result<String, String> {
    if text.contains(['?', '#']) {
        return Err("an address with `?` or `#` is not that of a folder".to_owned());
    }
    let mut text = text.trim().to_owned();
    if !text.ends_with('/') {
        text.push('/');
    }
    parse(&text)?;
    Ok(text)
}

/// Parses an address that may be asked.
pub(super) fn parse(text: &str) -> Result<Uri, String> {
    let address: Uri = text
        .parse()
        .map_err(|error| format!("`{text}` is not an address ({error})"))?;
    let host = address
        .host()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| format!("`{text}` names no host"))?;
    if address
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(format!("`{host}`: an address with a user name is refused"));
    }
    match address.scheme_str() {
        Some("https") => Ok(address),
        Some("http") if is_loopback(&address) => Ok(address),
        Some("http") => Err(format!(
            "http to `{host}` is refused, only https is safe there"
        )),
        other => Err(format!(
            "`{}` is refused, only https is fetched",
            other.unwrap_or("no scheme")
        )),
    }
}

/// The address a redirect leads to. Only an answer from this machine may lead back to it.
pub(super) fn redirect(from: &Uri, location: &str) -> Result<Uri, String> {
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let absolute = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let without_fragment = absolute.split('#').next().unwrap_or_default();
    let to = parse(without_fragment).map_err(|reason| format!("redirected: {reason}"))?;
    if is_loopback(&to) && !is_loopback(from) {
        return Err("redirected from the network to this machine, refused".to_owned());
    }
    Ok(to)
}

pub(super) fn is_loopback(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}
