// OpenFoot insole on an ESP32: 16 force-sensing resistors on two MCP3208 (SPI), an LSM6DSOX (I2C),
// frames over Wi-Fi to the Pi. MIT licence.
//
// NOT COMPILED, NOT TRIED ON HARDWARE: written from the data sheets' facts. openfoot.h is compiled
// and tested. Board: any ESP32 of the Arduino core. Wiring: see README.md beside this file.

#include <SPI.h>
#include <WiFi.h>
#include <WiFiUdp.h>
#include <Wire.h>

#include "openfoot.h"

// ---- to be set for each insole
static const char *WIFI_NAME = "home";
static const char *WIFI_PASSWORD = "";
static const char *PI_ADDRESS = "192.168.1.10";
static const uint16_t PI_PORT = 5710;
static const bool RIGHT_FOOT = false;

static const uint8_t CELLS = 16;
static const uint8_t AXES = 6;
static const uint8_t SAMPLES = 2;
static const uint16_t PERIOD_US = 10000;
static const int CHIP_SELECT[2] = {5, 17};
static const uint8_t IMU_ADDRESS = 0x6A;

static WiFiUDP udp;
static uint16_t values[SAMPLES * (CELLS + AXES)];
static uint8_t frame[OPENFOOT_HEAD_BYTES + sizeof(values) + 2];
static uint32_t sequence = 0;
static uint32_t first_us = 0;
static uint32_t due_us = 0;
static uint8_t filled = 0;
static bool saturated = false;
static bool broken = false;

static uint8_t flags() {
  return (RIGHT_FOOT ? OPENFOOT_RIGHT : 0) | (saturated ? OPENFOOT_SATURATED : 0);
}

static uint16_t convert(int chip, uint8_t channel) {
  digitalWrite(CHIP_SELECT[chip], LOW);
  SPI.transfer(0x06 | channel >> 2);
  uint8_t high = SPI.transfer((channel & 3) << 6);
  uint8_t low = SPI.transfer(0);
  digitalWrite(CHIP_SELECT[chip], HIGH);
  return (uint16_t)((high & 0x0F) << 8 | low);
}

// A force-sensing resistor's conductance grows with force, its voltage does not: send
// V / (Vcc - V), 1000 to the unit; 65535 is saturation.
static uint16_t loaded(uint16_t code) {
  if (code >= 4095) {
    saturated = true;
    return 65535;
  }
  uint32_t ratio = 1000UL * code / (4096 - code);
  return ratio > 65534 ? 65534 : (uint16_t)ratio;
}

static void set_imu(uint8_t address, uint8_t value) {
  Wire.beginTransmission(IMU_ADDRESS);
  Wire.write(address);
  Wire.write(value);
  Wire.endTransmission();
}

static bool read_imu(uint16_t *six) {
  Wire.beginTransmission(IMU_ADDRESS);
  Wire.write(0x22);  // gyroscope, then accelerometer, low byte first
  if (Wire.endTransmission(false) != 0) return false;
  if (Wire.requestFrom(IMU_ADDRESS, (uint8_t)12) != 12) return false;
  uint16_t raw[6];
  for (int i = 0; i < 6; i++) {
    uint8_t low = Wire.read();
    raw[i] = (uint16_t)(low | Wire.read() << 8);
  }
  for (int i = 0; i < 3; i++) {
    six[i] = raw[3 + i];
    // 0.07 deg/s per count to the wire's 2000 / 32768
    int32_t rate = (int32_t)((int16_t)raw[i]) * 1147 / 1000;
    six[3 + i] = (uint16_t)(int16_t)constrain(rate, -32768, 32767);
  }
  return true;
}

static void sample() {
  uint16_t *row = values + filled * (CELLS + AXES);
  if (filled == 0) {
    first_us = micros();
    saturated = false;
  }
  for (uint8_t cell = 0; cell < CELLS; cell++) row[cell] = loaded(convert(cell / 8, cell % 8));
  if (!read_imu(row + CELLS)) {  // never send an old reading as a new one
    broken = true;
  }
  if (++filled < SAMPLES) return;
  filled = 0;
  if (broken) {  // the Pi counts the frame as lost
    broken = false;
    sequence++;
    return;
  }
  openfoot_head head = {flags(), sequence++, first_us, PERIOD_US, CELLS, AXES, SAMPLES,
                        OPENFOOT_BATTERY_UNKNOWN};
  size_t size = openfoot_frame(frame, &head, values);
  udp.beginPacket(PI_ADDRESS, PI_PORT);
  udp.write(frame, size);
  udp.endPacket();
}

static void answer() {
  uint8_t ping[OPENFOOT_PING_BYTES], pong[OPENFOOT_PONG_BYTES];
  int size = udp.parsePacket();
  if (size <= 0) return;
  size = udp.read(ping, sizeof(ping));
  size_t out = size > 0 ? openfoot_pong(pong, ping, (size_t)size, flags(), micros()) : 0;
  if (out == 0) return;
  udp.beginPacket(udp.remoteIP(), udp.remotePort());
  udp.write(pong, out);
  udp.endPacket();
}

void setup() {
  for (int pin : CHIP_SELECT) {
    pinMode(pin, OUTPUT);
    digitalWrite(pin, HIGH);
  }
  SPI.begin();
  SPI.beginTransaction(SPISettings(1000000, MSBFIRST, SPI_MODE0));
  Wire.begin();
  Wire.setClock(400000);
  set_imu(0x12, 0x44);  // registers keep still while read, addresses count up
  set_imu(0x10, 0x54);  // accelerometer 208 Hz, 16 g
  set_imu(0x11, 0x5C);  // gyroscope 208 Hz, 2000 deg/s
  WiFi.setSleep(false);  // else frames come in bursts
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  udp.begin(PI_PORT);
  due_us = micros();
}

void loop() {
  answer();
  if ((int32_t)(micros() - due_us) < 0) return;
  due_us += PERIOD_US;
  sample();
}
