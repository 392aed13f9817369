//! nginx with nchan, configured for what is measured and nothing else.

use std::path::Path;

/// nginx's configuration. It has no way to take a free port, so it is told one.
///
/// One worker, as nginx advises for one core; a connection for each subscriber and some to spare; on loopback only.
pub(crate) fn configuration(module: &Path, directory: &Path, port: u16, subscribers: u32, descriptors: u64) -> String {
    let connections = subscribers + 512;
    let (module, directory) = (module.display(), directory.display());
    format!(
        "load_module \"{module}\";\n\
         daemon off;\n\
         worker_processes 1;\n\
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
         nchan_max_reserved_memory 256M;\n\
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
         }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_only() {
        let text = configuration(Path::new("/m.so"), Path::new("/d"), 4321, 1000, 5000);
        let listens: Vec<&str> = text.lines().filter(|line| line.starts_with("listen")).collect();
        assert_eq!(listens, ["listen 127.0.0.1:4321 backlog=65535;"]);
        assert!(text.contains("worker_connections 1512;") && text.contains("load_module \"/m.so\";"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
