// OpenFoot v1: frames, PING and PONG, in plain C99 without allocation. MIT licence.
// Compiled and compared byte by byte with the decoder by tests/hw/devices/test_firmware.py.
// Assumes a little-endian processor (ESP32, nRF52, x86), as the wire is little-endian.
#ifndef OPENFOOT_H
#define OPENFOOT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OPENFOOT_VERSION 1
#define OPENFOOT_RIGHT 1
#define OPENFOOT_BATTERY_LOW 2
#define OPENFOOT_SATURATED 4
#define OPENFOOT_BATTERY_UNKNOWN 255
#define OPENFOOT_HEAD_BYTES 18
#define OPENFOOT_PING_BYTES 10
#define OPENFOOT_PONG_BYTES 14

typedef struct {
  uint8_t flags;
  uint32_t seq;        // counts frames
  uint32_t t_us;       // time of the first sample, wraps
  uint16_t period_us;  // between samples
  uint8_t cells;
  uint8_t imu_axes;    // 0 or 6
  uint8_t samples;
  uint8_t battery;     // 0..100 %, 255 unknown
} openfoot_head;

static inline uint16_t openfoot_crc(const uint8_t *data, size_t size) {
  uint16_t crc = 0xFFFF;
  for (size_t i = 0; i < size; i++) {
    crc ^= (uint16_t)(data[i] << 8);
    for (int bit = 0; bit < 8; bit++) {
      crc = (uint16_t)((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

static inline size_t openfoot_close(uint8_t *out, size_t size) {
  uint16_t crc = openfoot_crc(out, size);
  memcpy(out + size, &crc, 2);
  return size + 2;
}

static inline size_t openfoot_frame_bytes(const openfoot_head *head) {
  return OPENFOOT_HEAD_BYTES + 2u * head->samples * (head->cells + head->imu_axes) + 2u;
}

// Write a frame; `values` holds samples one after the other, oldest first: the cells (u16), then
// acceleration x y z (16 g full scale) and angular rate x y z (2000 deg/s full scale, i16).
// `out` must have room for openfoot_frame_bytes(head). Returns the size.
static inline size_t openfoot_frame(uint8_t *out, const openfoot_head *head, const uint16_t *values) {
  out[0] = 'O';
  out[1] = 'F';
  out[2] = OPENFOOT_VERSION;
  out[3] = head->flags;
  memcpy(out + 4, &head->seq, 4);
  memcpy(out + 8, &head->t_us, 4);
  memcpy(out + 12, &head->period_us, 2);
  out[14] = head->cells;
  out[15] = head->imu_axes;
  out[16] = head->samples;
  out[17] = head->battery;
  size_t bytes = 2u * head->samples * (head->cells + head->imu_axes);
  memcpy(out + OPENFOOT_HEAD_BYTES, values, bytes);
  return openfoot_close(out, OPENFOOT_HEAD_BYTES + bytes);
}

// Answer a PING: write the PONG and return its size, or 0 where the bytes are no PING.
static inline size_t openfoot_pong(
    uint8_t *out, const uint8_t *ping, size_t size, uint8_t flags, uint32_t now_us) {
  uint16_t crc;
  if (size != OPENFOOT_PING_BYTES || ping[0] != 'O' || ping[1] != 'P') return 0;
  memcpy(&crc, ping + 8, 2);
  if (ping[2] != OPENFOOT_VERSION || crc != openfoot_crc(ping, 8)) return 0;
  out[0] = 'O';
  out[1] = 'Q';
  out[2] = OPENFOOT_VERSION;
  out[3] = flags;
  memcpy(out + 4, ping + 4, 4);
  memcpy(out + 8, &now_us, 4);
  return openfoot_close(out, 12);
}

// Stuff a frame for a serial line (COBS, ended by a zero). `out` needs size + size / 254 + 2 bytes.
static inline size_t openfoot_stuff(uint8_t *out, const uint8_t *frame, size_t size) {
  size_t mark = 0, at = 1;
  for (size_t i = 0; i < size; i++) {
    if (frame[i] == 0 || at - mark == 255) {
      out[mark] = (uint8_t)(at - mark);
      mark = at++;
    }
    if (frame[i] != 0) out[at++] = frame[i];
  }
  out[mark] = (uint8_t)(at - mark);
  out[at++] = 0;
  return at;
}

#endif
