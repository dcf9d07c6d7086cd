"""ORPHE INSOLE: six cells and an IMU per foot, over Bluetooth Low Energy."""
