//! As much of HTTP as the bare loop needs.

/// Bytes of a head and a body that are taken.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// Fields of a head.
const MOST_FIELDS: usize = 32;

/// A request that has come whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `GET /events?topic=T`
    Subscribe { topic: String },
    /// `POST /publish/T`
    Publish { topic: String, body: Vec<u8> },
    /// Anything else, which ends the connection.
    Other,
}

/// The first request in `input` and its length; `None` while it has not come whole.
pub(crate) fn request(input: &[u8]) -> Option<(Request, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let other = Some((Request::Other, input.len()));
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() < MOST_BYTES => return None,
        _ => return other,
    };
    let target = head.path.unwrap_or_default();
    if let Some(topic) = target.strip_prefix("/events?topic=").filter(|_| head.method == Some("GET")) {
        return Some((Request::Subscribe { topic: topic.to_owned() }, length));
    }
    let Some(topic) = target.strip_prefix("/publish/").filter(|_| head.method == Some("POST")) else { return other };
    let size = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let size = size.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok());
    let Some(size) = size.filter(|size| *size <= MOST_BYTES) else { return other };
    let body = input.get(length..length + size)?;
    Some((Request::Publish { topic: topic.to_owned(), body: body.to_vec() }, length + size))
}

/// An event as one chunk of an answer. Its data must be one line.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\ndata: ", data.len() + 8).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\n\n\r\n");
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_wherever_it_is_cut() {
        let whole = b"POST /publish/a/b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /events?topic=x HTTP/1.1\r\n\r\n";
        let (first, length) = request(whole).unwrap();
        assert_eq!(first, Request::Publish { topic: "a/b".into(), body: b"hello".into() });
        assert!((0..length).all(|cut| request(&whole[..cut]).is_none()));
        let second = Request::Subscribe { topic: "x".into() };
        assert_eq!(request(&whole[length..]), Some((second, whole.len() - length)));
    }

    #[test]
    fn what_is_no_request_of_ours() {
        for text in ["PUT / HTTP/1.1\r\n\r\n", "POST /publish/x HTTP/1.1\r\n\r\n", "\0\r\n\r\n"] {
            assert_eq!(request(text.as_bytes()).unwrap().0, Request::Other, "{text}");
        }
    }

    #[test]
    fn an_event_is_a_chunk() {
        assert_eq!(chunk(b"0123456789"), b"12\r\ndata: 0123456789\n\n\r\n");
    }
}
