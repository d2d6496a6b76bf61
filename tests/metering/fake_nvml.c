/* A stand-in for NVIDIA's NVML library, with as much of its ABI as our meter calls.
 *
 * Two GPUs draw a constant 300 W each; their energy counters move every 100 ms, as on data-centre GPUs.
 * Faults come from environment variables that are read at every call, so that a test can raise them midway:
 *   FAKE_NVML_INIT, FAKE_NVML_COUNT, FAKE_NVML_HANDLE, FAKE_NVML_ENERGY   the code that call returns
 *   FAKE_NVML_GPUS                                                        how many GPUs there are
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATTS 300.0
#define STEP_S 0.1
#define GPUS 2

typedef struct { char uuid[96]; double offset_mj; } device_t;

static device_t devices[GPUS] = {
    {"GPU-aaaaaaaa-0000-0000-0000-000000000000", 7e12},
    {"GPU-bbbbbbbb-1111-1111-1111-111111111111", 123.0},
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static int ordered(const char *variable, int otherwise)
{
    const char *value = getenv(variable);
    return value ? atoi(value) : otherwise;
}

int nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    return ordered("FAKE_NVML_INIT", 0);
}

int nvmlShutdown(void) { return ordered("FAKE_NVML_SHUTDOWN", 0); }

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    *count = (unsigned int)ordered("FAKE_NVML_GPUS", GPUS);
    return ordered("FAKE_NVML_COUNT", 0);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, device_t **device)
{
    if (index >= GPUS)
        return 2; /* invalid argument */
    *device = &devices[index];
    return ordered("FAKE_NVML_HANDLE", 0);
}

int nvmlDeviceGetUUID(device_t *device, char *uuid, unsigned int length)
{
    if (strlen(device->uuid) >= length)
        return 7; /* insufficient size */
    strcpy(uuid, device->uuid);
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(device_t *device, unsigned long long *millijoules)
{
    *millijoules = 0; /* what a careless caller would take for a measurement */
    int code = ordered("FAKE_NVML_ENERGY", 0);
    if (code)
        return code;
    double steps = floor(now_s() / STEP_S);
    *millijoules = (unsigned long long)(device->offset_mj + steps * STEP_S * WATTS * 1000.0);
    return 0;
}
