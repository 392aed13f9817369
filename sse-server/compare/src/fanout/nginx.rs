//! nginx, configured for what is measured and nothing else: with nchan, or with TLS before a hub.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What nginx is started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// For its files.
    pub(crate) directory: &'a Path,
    /// It has no way to take a free port, so it is told one.
    pub(crate) port: u16,
    pub(crate) subscribers: u32,
    /// How many a process may open.
    pub(crate) descriptors: u64,
}

/// One worker, as nginx advises for one core.
pub(crate) fn nchan(setting: Setting<'_>, module: &Path) -> String {
    let Setting { port, subscribers, .. } = setting;
    let http = format!(
        "nchan_max_reserved_memory 256M;\n\
         server {{\n\
         listen 127.0.0.1:{port} backlog=65535;\n\
         location = /events {{\n\
         nchan_subscriber eventsource;\n\
         nchan_channel_id $arg_topic;\n\
         nchan_subscriber_first_message newest;\n\
         nchan_eventsource_ping_interval 15;\n\
         }}\n\
         location ~ ^/publish/(.+)$ {{\n\
         nchan_publisher http;\n\
         nchan_channel_id $1;\n\
         nchan_message_buffer_length 1000;\n\
         }}\n\
         }}\n"
    );
    format!("load_module \"{}\";\n{}", module.display(), configuration(setting, 1, subscribers, &http))
}

/// TLS before a hub, as docs/operations.md has it. A stream takes two connections, so there are as many workers as the
/// limit of descriptors asks for, and each listens with a socket of its own: then the streams are spread evenly.
pub(crate) fn tls(setting: Setting<'_>, [certificate, key]: &[PathBuf; 2], hub: SocketAddr) -> String {
    let Setting { port, subscribers, descriptors, .. } = setting;
    let (certificate, key) = (certificate.display(), key.display());
    let connections = 2 * subscribers;
    // a tenth more than their share: the kernel spreads by chance
    let workers = (u64::from(connections) * 11 / 10 + 512).div_ceil(descriptors.max(1));
    let http = format!(
        "server {{\n\
         listen 127.0.0.1:{port} ssl reuseport backlog=65535;\n\
         ssl_certificate \"{certificate}\";\n\
         ssl_certificate_key \"{key}\";\n\
         ssl_protocols TLSv1.2 TLSv1.3;\n\
         location / {{\n\
         proxy_pass http://{hub};\n\
         proxy_http_version 1.1;\n\
         proxy_set_header Host $host;\n\
         proxy_set_header Connection \"\";\n\
         proxy_request_buffering off;\n\
         proxy_read_timeout 60s;\n\
         }}\n\
         }}\n"
    );
    configuration(setting, workers, connections, &http)
}

/// A connection for each of so many and some to spare; on loopback only.
fn configuration(setting: Setting<'_>, workers: u64, connections: u32, http: &str) -> String {
    let Setting { directory, descriptors, .. } = setting;
    let connections = connections + 512;
    let directory = directory.display();
    format!(
        "daemon off;\n\
         worker_processes {workers};\n\
         worker_rlimit_nofile {descriptors};\n\
         pid \"{directory}/nginx.pid\";\n\
         error_log stderr error;\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
         access_log off;\n\
         keepalive_requests 1000000000;\n\
         client_body_temp_path \"{directory}/body\";\n\
         proxy_temp_path \"{directory}/proxy\";\n\
         fastcgi_temp_path \"{directory}/fastcgi\";\n\
         uwsgi_temp_path \"{directory}/uwsgi\";\n\
         scgi_temp_path \"{directory}/scgi\";\n\
         {http}\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(subscribers: u32, descriptors: u64) -> Setting<'static> {
        Setting { directory: Path::new("/d"), port: 4321, subscribers, descriptors }
    }

    fn listens(text: &str) -> Vec<&str> {
        text.lines().filter(|line| line.starts_with("listen")).collect()
    }

    #[test]
    fn it_listens_on_loopback_only() {
        let text = nchan(setting(1000, 5000), Path::new("/m.so"));
        assert_eq!(listens(&text), ["listen 127.0.0.1:4321 backlog=65535;"]);
        assert!(text.contains("worker_connections 1512;") && text.contains("load_module \"/m.so\";"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn a_stream_over_tls_takes_two_connections() {
        let files = ["/c.pem", "/k.pem"].map(PathBuf::from);
        let hub = SocketAddr::from(([127, 0, 0, 1], 81));
        let text = tls(setting(1000, 5000), &files, hub);
        assert_eq!(listens(&text), ["listen 127.0.0.1:4321 ssl reuseport backlog=65535;"]);
        assert!(text.contains("worker_connections 2512;") && text.contains("worker_processes 1;"));
        assert!(text.contains("proxy_pass http://127.0.0.1:81;"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        let many = tls(setting(15_000, 20_000), &files, hub);
        assert!(many.contains("worker_processes 2;"));
    }
}
