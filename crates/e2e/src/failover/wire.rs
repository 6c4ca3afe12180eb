//! A wire between a process and PostgreSQL that can be cut: nothing passes and nobody is told, as with a switch that has lost its mind.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

pub(crate) struct Wire {
    port: u16,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// To that port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let wire =
            Wire { port: listener.local_addr().expect("its port").port(), whole: watch::Sender::new(true) };
        let whole = wire.whole.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, port, whole.clone()));
            }
        });
        wire
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(near: TcpStream, port: u16, whole: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::join!(pass(near_in, far_out, whole.clone()), pass(far_in, near_out, whole));
}

/// What was on its way when the wire was cut arrives once it is mended.
async fn pass(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if whole.wait_for(|whole| *whole).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
