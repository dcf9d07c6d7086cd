"""ST LSM6DSOX: accelerometer and gyroscope on I2C, read through its FIFO."""
