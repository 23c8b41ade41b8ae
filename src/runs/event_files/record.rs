//! The container of TensorBoard's event files: TFRecord, and the few rules of the protobuf wire format that they need.
//!
//! A record is `u64 length, u32 crc(length), bytes, u32 crc(bytes)`, all little-endian, where
//! `crc(x) = rotate_right(crc32c(x), 15) + 0xa282ead8`.
//! Source: `tensorflow/tensorflow: core/lib/io/record_writer.cc`, `core/lib/hash/crc32c.h`; protobuf encoding guide.

use crc_fast::{CrcAlgorithm, checksum};

/// One record around `bytes`.
pub(super) fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), bytes, &masked(bytes)].concat()
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    const DELTA: u32 = 0xa282_ead8;
    let crc = checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32;
    crc.rotate_right(15).wrapping_add(DELTA).to_le_bytes()
}

/// A protobuf message that grows field by field; the numbers ascend.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A whole number; zero is the default and left out.
    pub(super) fn int(mut self, field: u32, value: u64) -> Self {
        if value != 0 {
            self.key(field, 0);
            self.varint(value);
        }
        self
    }

    /// A double.
    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A single-precision number.
    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Text or bytes.
    pub(super) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// A message inside this one.
    pub(super) fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// Its bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnoli_masked() {
        // Check value of CRC-32C: RFC 3720 B.4, 32 bytes of zero, and the usual "123456789".
        assert_eq!(checksum(CrcAlgorithm::Crc32Iscsi, &[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(CrcAlgorithm::Crc32Iscsi, b"123456789"), 0xe306_9283);
        // By hand: rotated right by 15 bits, plus the constant.
        let expected = 0x2507_c60du32.wrapping_add(0xa282_ead8);
        assert_eq!(masked(b"123456789"), expected.to_le_bytes());
    }

    #[test]
    fn messages_follow_the_encoding_guide() {
        // The examples of the protobuf documentation: field 1 = 150; field 2 = "testing"; both nested.
        assert_eq!(Message::default().int(1, 150).finish(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, b"testing").finish(), *b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &Message::default().int(1, 150)).finish(), [0x1a, 3, 8, 0x96, 1]);
    }
}
