/* A stand-in for NVIDIA's NVML library: it replays a power trace, and raises faults on request.
 *
 * Everything comes from environment variables, all beginning with FAKE_NVML_ and read at every call (the
 * trace: at init). One with _0, _1, ... behind it is for that GPU alone and wins over the one without.
 *
 *   GPUS                  how many there are (2, at most 8)
 *   TRACE, EPOCH          a file of lines "t_s W0 W1 ..."; where its t = 0 is on CLOCK_MONOTONIC (0 s).
 *                         Power holds until the next line, a missing column repeats the last. Else 300 W
 *   LIVE                  a file of lines "t_s W0 W1 ..." instead of TRACE, t on CLOCK_MONOTONIC whatever the
 *                         EPOCH, that somebody writes meanwhile: read on whenever it has grown. A line may
 *                         tell of a time to come; one that is earlier than the line before is left out.
 *                         What a line says of the past is counted late, so write it some ms before its time
 *   PERIOD_S, PHASE_S     the energy counter moves this often (0.1), so long after the epoch (0)
 *   COVERED_S             the counter takes each period for what its last so many seconds show (all of it)
 *   AVERAGE_S, INSTANT_S  what the average (and the older power reading) and the instant one are means of
 *                         (1, 0.025); they change every 0.1 s
 *   GAIN, POWER_GAIN      what is read is so many times the truth; the second: powers only (1)
 *   TEMPERATURE, HEATING  degrees (50) and degrees per second since init (0)
 *   CAPPED_SHARE, SOFT_SHARE, HW_SHARE   of the time since the epoch it was throttled (0)
 *   PIDS                  compute processes, such as "1,self" (none), or @ and a file that has them
 *   NAME, ARCH, LIMIT_W, DEFAULT_LIMIT_W, MEMORY_MIB, MIG, VIRTUAL, C2C, PERSISTENCE, ECC
 *   DELAY_US              every call keeps the CPU busy for so long
 *
 * Faults are return codes: of the calls named INIT, SHUTDOWN, COUNT, HANDLE, ENERGY, POWER, FIELDS,
 * PROCESSES, GAUGES and INFO, or of a single field (FIELD_185). And by seconds since the first init:
 *   LOST_S   the GPU is lost                        RESET_S  the counter begins again, from 0
 *   GONE_S   the driver is, until the next init     STUCK_S  the counter stands still
 *   READY_S  the counter is not ready before        READY_AGAIN_S  nor so long after a later init
 * START is a file: LOST_S, GONE_S, RESET_S and STUCK_S count from when it is there.
 *
 * A call that fails leaves 0 in its output: what a careless caller would take for a measurement.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GPUS 8
#define FIRST_OFFSET_MJ 7e12
#define TICK_S 0.1
#define MIB (1ULL << 20)
#define MEMORY_MIB 143771ULL

enum { OK, UNINITIALIZED, INVALID, NOT_SUPPORTED, NOT_FOUND = 6, TOO_SMALL, LOST = 15, NOT_READY = 27 };
enum { UNKNOWN = 999 };

typedef struct { int gpu, is_mig; } device_t;
typedef struct { double start_s, watts[GPUS], joules[GPUS]; } step_t; /* joules until it starts */

/* As in nvml.h. */
typedef struct {
    unsigned int id, scope;
    long long timestamp_us, latency_us;
    unsigned int type, code;
    union { unsigned int small; unsigned long long big; } value;
} field_t;
typedef struct { unsigned int pid; unsigned long long memory; unsigned int instance, slice; } process_t;
typedef struct {
    char old_bus_id[16];
    unsigned int domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} pci_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } utilization_t;
typedef struct { unsigned long long timestamp_us, value; } sample_t;

static device_t devices[GPUS], instances[GPUS];
static double first_init_s, last_init_s;
static int inits, step_count;
static step_t *steps;
static char loaded[4096];
static long live_at; /* how much of LIVE has been read */

static const char *text(const char *name, int gpu, const char *otherwise)
{
    char variable[64];
    snprintf(variable, sizeof variable, "FAKE_NVML_%s_%d", name, gpu);
    const char *value = getenv(variable);
    if (value)
        return value;
    snprintf(variable, sizeof variable, "FAKE_NVML_%s", name);
    value = getenv(variable);
    return value ? value : otherwise;
}

static double number(const char *name, int gpu, double otherwise)
{
    const char *value = text(name, gpu, NULL);
    return value ? atof(value) : otherwise;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static double epoch_s(void) { return getenv("FAKE_NVML_LIVE") ? 0 : number("EPOCH", -1, 0); }

/* Where faults count from: the first init, or when the file that START names is first seen to be there. */
static double began_s(void)
{
    static double seen_s = INFINITY;
    const char *path = text("START", -1, NULL);
    if (!path)
        return first_init_s;
    if (isinf(seen_s) && !access(path, F_OK))
        seen_s = now_s();
    return seen_s;
}

static double moment_s(const char *name, int gpu) { return began_s() + number(name, gpu, INFINITY); }

static int driver_gone(void)
{
    double gone_s = moment_s("GONE_S", -1);
    return !inits || (now_s() >= gone_s && last_init_s < gone_s);
}

static void dawdle(void)
{
    double end_s = now_s() + number("DELAY_US", -1, 0) * 1e-6;
    while (now_s() < end_s)
        ;
}

static void read_live(void);

/* The code with which a call ends before it does anything; OK to go on. */
static int fault(const char *call, const device_t *device)
{
    dawdle();
    read_live();
    if (driver_gone())
        return UNINITIALIZED;
    if (now_s() >= moment_s("LOST_S", device->gpu))
        return LOST;
    if (device->is_mig && strcmp(call, "HANDLE"))
        return NOT_SUPPORTED;
    return (int)number(call, device->gpu, OK);
}

#define STOP_ON_FAULT(call) do { int code = fault(call, device); if (code) return code; } while (0)

static void read_step(const char *line, step_t *step)
{
    char *at, *end;
    step->start_s = strtod(line, &at);
    for (int gpu = 0; gpu < GPUS; gpu++, at = end) {
        double watts = strtod(at, &end);
        step->watts[gpu] = end > at ? watts : gpu ? step->watts[gpu - 1] : 0;
    }
}

static void add_step(const char *line)
{
    steps = realloc(steps, (step_count + 1) * sizeof *steps);
    step_t *step = &steps[step_count], *before = step - 1;
    memset(step, 0, sizeof *step);
    read_step(line, step);
    for (int gpu = 0; step_count && gpu < GPUS; gpu++)
        step->joules[gpu] = before->joules[gpu] + before->watts[gpu] * (step->start_s - before->start_s);
    step_count++;
}

/* What has been written since; a line without its end is left for the next time. */
static void read_live(void)
{
    const char *path = getenv("FAKE_NVML_LIVE");
    struct stat now;
    if (!path || stat(path, &now) || now.st_size <= live_at)
        return;
    FILE *file = fopen(path, "r");
    char line[512];
    if (!file || fseek(file, live_at, SEEK_SET))
        return;
    while (fgets(line, sizeof line, file) && strchr(line, '\n')) {
        live_at = ftell(file);
        if (!step_count || strtod(line, NULL) > steps[step_count - 1].start_s)
            add_step(line);
    }
    fclose(file);
}

static int load_trace(void)
{
    read_live();
    if (getenv("FAKE_NVML_LIVE"))
        return step_count ? OK : UNKNOWN;
    const char *path = text("TRACE", -1, "");
    if (step_count && !strcmp(path, loaded))
        return OK;
    step_count = 0;
    snprintf(loaded, sizeof loaded, "%s", path);
    if (!*path) {
        add_step("0 300");
        return OK;
    }
    FILE *file = fopen(path, "r");
    char line[512];
    while (file && fgets(line, sizeof line, file))
        add_step(line);
    if (file)
        fclose(file);
    return step_count ? OK : UNKNOWN;
}

/* Joules from the first step to a time of the trace, exactly. */
static double integral(int gpu, double t_s)
{
    int low = 0, high = step_count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (steps[middle].start_s <= t_s)
            low = middle;
        else
            high = middle;
    }
    return steps[low].joules[gpu] + steps[low].watts[gpu] * (t_s - steps[low].start_s);
}

static double last_multiple(double t_s, double period_s, double phase_s)
{
    return floor((t_s - phase_s) / period_s) * period_s + phase_s;
}

/* Joules at an update of a counter that sees only the end of each period; counted on from the first call. */
static double covered_joules(int gpu, double update_s, double period_s, double covered_s)
{
    static double seen_s[GPUS], joules[GPUS];
    if (!seen_s[gpu]) {
        seen_s[gpu] = update_s;
        joules[gpu] = integral(gpu, update_s);
    }
    while (seen_s[gpu] < update_s - period_s / 2) {
        seen_s[gpu] += period_s;
        double end_s = seen_s[gpu], shown = integral(gpu, end_s) - integral(gpu, end_s - covered_s);
        joules[gpu] += shown / covered_s * period_s;
    }
    return joules[gpu];
}

static double joules_at(int gpu, double update_s)
{
    double period_s = number("PERIOD_S", gpu, 0.1), covered_s = number("COVERED_S", gpu, period_s);
    if (covered_s >= period_s)
        return integral(gpu, update_s);
    return covered_joules(gpu, update_s, period_s, covered_s);
}

static unsigned long long counter_mj(int gpu)
{
    double seen_s = fmin(now_s(), moment_s("STUCK_S", gpu)) - epoch_s();
    double reset_s = moment_s("RESET_S", gpu) - epoch_s();
    double update_s = last_multiple(seen_s, number("PERIOD_S", gpu, 0.1), number("PHASE_S", gpu, 0));
    double gain_mj = 1000 * number("GAIN", gpu, 1);
    if (seen_s < reset_s)
        return FIRST_OFFSET_MJ * (gpu + 1) + gain_mj * joules_at(gpu, update_s);
    return gain_mj * (integral(gpu, fmax(update_s, reset_s)) - integral(gpu, reset_s));
}

/* Of a time before the last tick, as the driver makes it. */
static unsigned int mean_mw(int gpu, double window_s)
{
    double end_s = last_multiple(now_s() - epoch_s(), TICK_S, 0);
    double watts = (integral(gpu, end_s) - integral(gpu, end_s - window_s)) / window_s;
    return lround(1000 * watts * number("GAIN", gpu, 1) * number("POWER_GAIN", gpu, 1));
}

static unsigned int average_mw(int gpu) { return mean_mw(gpu, number("AVERAGE_S", gpu, 1)); }
static unsigned int instant_mw(int gpu) { return mean_mw(gpu, number("INSTANT_S", gpu, 0.025)); }

static int say(const char *value, char *output, unsigned int length)
{
    return snprintf(output, length, "%s", value) < (int)length ? OK : TOO_SMALL;
}

int nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    dawdle();
    int code = (int)number("INIT", -1, OK);
    code = code ? code : load_trace();
    if (code)
        return code;
    for (int gpu = 0; gpu < GPUS; gpu++) {
        devices[gpu] = (device_t){gpu, 0};
        instances[gpu] = (device_t){gpu, 1};
    }
    last_init_s = now_s();
    first_init_s = first_init_s ? first_init_s : last_init_s;
    inits++;
    return OK;
}

int nvmlShutdown(void)
{
    inits -= inits > 0;
    return (int)number("SHUTDOWN", -1, OK);
}

const char *nvmlErrorString(int code)
{
    return code == NOT_READY ? "Not Ready" : code == 28 ? "GPU Not Found" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    return say("580.65.06", version, length);
}

int nvmlSystemGetNVMLVersion(char *version, unsigned int length)
{
    return say("13.580.65.06", version, length);
}

static int gpu_count(void) { return (int)fmin(GPUS, number("GPUS", -1, 2)); }

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    int code = driver_gone() ? UNINITIALIZED : (int)number("COUNT", -1, OK);
    *count = code ? 0 : gpu_count();
    return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, device_t **found)
{
    device_t *device = &devices[index % GPUS];
    *found = NULL;
    if (index >= (unsigned int)gpu_count())
        return INVALID;
    STOP_ON_FAULT("HANDLE");
    *found = device;
    return OK;
}

/* GPU-aaaaaaaa-0000-0000-0000-000000000000, GPU-bbbbbbbb-1111-...; an instance's begins with MIG. */
int nvmlDeviceGetUUID(const device_t *device, char *uuid, unsigned int length)
{
    char value[] = "GPU-        -0000-0000-0000-000000000000";
    *uuid = 0;
    STOP_ON_FAULT("HANDLE");
    memset(&value[4], 'a' + device->gpu, 8);
    for (char *digit = value; *digit; digit++)
        *digit = *digit == '0' ? '0' + device->gpu : *digit;
    if (device->is_mig)
        memcpy(value, "MIG", 3);
    return say(value, uuid, length);
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device_t **found)
{
    char its[64];
    *found = NULL;
    for (int gpu = 0; gpu < gpu_count(); gpu++)
        if (!nvmlDeviceGetUUID(&devices[gpu], its, sizeof its) && !strcmp(uuid, its))
            *found = &devices[gpu];
    return *found ? OK : NOT_FOUND;
}

/* A call that gives one number. */
#define GETTER(function, type, call, value) \
    int function(const device_t *device, type *output) \
    { \
        *output = 0; \
        STOP_ON_FAULT(call); \
        *output = value; \
        return OK; \
    }
#define SETTING(name, otherwise) ((unsigned int)number(name, device->gpu, otherwise))

GETTER(nvmlDeviceGetIndex, unsigned int, "HANDLE", device->gpu)
GETTER(nvmlDeviceGetArchitecture, unsigned int, "INFO", SETTING("ARCH", 9))
GETTER(nvmlDeviceGetVirtualizationMode, unsigned int, "INFO", SETTING("VIRTUAL", 0))
GETTER(nvmlDeviceGetPersistenceMode, unsigned int, "INFO", SETTING("PERSISTENCE", 1))
GETTER(nvmlDeviceGetComputeMode, unsigned int, "INFO", 0)
GETTER(nvmlDeviceGetC2cModeInfoV, unsigned int, "INFO", SETTING("C2C", 0))
GETTER(nvmlDeviceGetMaxMigDeviceCount, unsigned int, "INFO", 7)
GETTER(nvmlDeviceGetEnforcedPowerLimit, unsigned int, "INFO", 1000 * SETTING("LIMIT_W", 700))
GETTER(nvmlDeviceGetPowerManagementLimit, unsigned int, "INFO", 1000 * SETTING("LIMIT_W", 700))
GETTER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned int, "INFO", 1000 * SETTING("DEFAULT_LIMIT_W", 700))
GETTER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, "GAUGES",
       number("CAPPED_SHARE", device->gpu, 0) > 0 ? 4 : 0)
GETTER(nvmlDeviceGetPowerUsage, unsigned int, "POWER", average_mw(device->gpu))

int nvmlDeviceGetName(const device_t *device, char *name, unsigned int length)
{
    *name = 0;
    STOP_ON_FAULT("INFO");
    return say(text("NAME", device->gpu, "NVIDIA H200"), name, length);
}

static int now_and_then(const device_t *device, unsigned int mode, unsigned int *now, unsigned int *then)
{
    *now = *then = 0;
    STOP_ON_FAULT("INFO");
    *now = *then = mode;
    return OK;
}

int nvmlDeviceGetMigMode(const device_t *device, unsigned int *now, unsigned int *then)
{
    return now_and_then(device, SETTING("MIG", 0), now, then);
}

int nvmlDeviceGetEccMode(const device_t *device, unsigned int *now, unsigned int *then)
{
    return now_and_then(device, SETTING("ECC", 1), now, then);
}

int nvmlDeviceGetMigDeviceHandleByIndex(const device_t *device, unsigned int index, device_t **instance)
{
    *instance = NULL;
    STOP_ON_FAULT("INFO");
    if (!SETTING("MIG", 0) || index)
        return NOT_FOUND;
    *instance = &instances[device->gpu];
    return OK;
}

int nvmlDeviceGetPciInfo_v3(const device_t *device, pci_t *info)
{
    memset(info, 0, sizeof *info);
    STOP_ON_FAULT("INFO");
    info->bus = device->gpu + 1;
    info->device_id = 0x233510de;
    snprintf(info->old_bus_id, sizeof info->old_bus_id, "0000:%02X:00.0", info->bus);
    snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", info->bus);
    return OK;
}

int nvmlDeviceGetTemperature(const device_t *device, int sensor, unsigned int *degrees)
{
    (void)sensor;
    *degrees = 0;
    STOP_ON_FAULT("GAUGES");
    double warmer = number("HEATING", device->gpu, 0) * (now_s() - first_init_s);
    *degrees = number("TEMPERATURE", device->gpu, 50) + warmer;
    return OK;
}

int nvmlDeviceGetClockInfo(const device_t *device, int kind, unsigned int *mhz)
{
    *mhz = 0;
    STOP_ON_FAULT("GAUGES");
    *mhz = kind == 2 ? 3201 : 1980; /* memory, or the others */
    return OK;
}

int nvmlDeviceGetUtilizationRates(const device_t *device, utilization_t *rates)
{
    *rates = (utilization_t){0, 0};
    STOP_ON_FAULT("GAUGES");
    if (SETTING("MIG", 0))
        return NOT_SUPPORTED;
    *rates = (utilization_t){90, 40};
    return OK;
}

int nvmlDeviceGetMemoryInfo(const device_t *device, memory_t *memory)
{
    *memory = (memory_t){0, 0, 0};
    STOP_ON_FAULT("GAUGES");
    unsigned long long used = SETTING("MEMORY_MIB", 500);
    *memory = (memory_t){MEMORY_MIB * MIB, (MEMORY_MIB - used) * MIB, used * MIB};
    return OK;
}

/* What PIDS says, which may be in a file. */
static const char *pids(int gpu)
{
    static char written[4096];
    const char *value = text("PIDS", gpu, "");
    FILE *file = *value == '@' ? fopen(value + 1, "r") : NULL;
    if (*value != '@')
        return value;
    size_t length = file ? fread(written, 1, sizeof written - 1, file) : 0;
    if (file)
        fclose(file);
    written[length] = 0;
    return written;
}

int nvmlDeviceGetComputeRunningProcesses_v3(const device_t *device, unsigned int *count, process_t *found)
{
    unsigned int room = *count;
    *count = 0;
    STOP_ON_FAULT("PROCESSES");
    for (const char *at = pids(device->gpu); *at; at += strcspn(at, ","), at += *at == ',') {
        if (*count < room)
            found[*count] = (process_t){*at == 's' ? getpid() : atoi(at), 300 * MIB, -1, -1};
        ++*count;
    }
    return *count > room ? TOO_SMALL : OK;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(const device_t *device, unsigned int *count, process_t *found)
{
    (void)found;
    *count = 0;
    STOP_ON_FAULT("PROCESSES");
    return OK;
}

/* The last ten power readings, a tick apart; another kind is not supported. */
int nvmlDeviceGetSamples(const device_t *device, int kind, unsigned long long since_us, unsigned int *type,
                         unsigned int *count, sample_t *samples)
{
    (void)since_us;
    STOP_ON_FAULT("POWER");
    if (kind)
        return NOT_SUPPORTED;
    double end_s = last_multiple(now_s() - epoch_s(), TICK_S, 0);
    *type = 1; /* unsigned int */
    *count = 10;
    for (int i = 0; samples && i < 10; i++) {
        double tick_s = end_s - (9 - i) * TICK_S;
        samples[i].timestamp_us = (tick_s + epoch_s()) * 1e6;
        samples[i].value = 10000 * (integral(device->gpu, tick_s) - integral(device->gpu, tick_s - 0.1));
    }
    return OK;
}

int nvmlDeviceGetTotalEnergyConsumption(const device_t *device, unsigned long long *millijoules)
{
    *millijoules = 0;
    STOP_ON_FAULT("ENERGY");
    if (number("READY_S", device->gpu, 0) > now_s() - first_init_s)
        return NOT_READY;
    if (last_init_s > first_init_s && number("READY_AGAIN_S", device->gpu, 0) > now_s() - last_init_s)
        return NOT_READY;
    *millijoules = counter_mj(device->gpu);
    return OK;
}

static unsigned long long throttled_ns(const char *share, int gpu)
{
    return 1e9 * number(share, gpu, 0) * (now_s() - epoch_s());
}

static int answer(const device_t *device, field_t *field)
{
    char fault_name[16];
    int gpu = device->gpu;
    snprintf(fault_name, sizeof fault_name, "FIELD_%u", field->id);
    int code = (int)number(fault_name, gpu, OK);
    int is_power = field->id == 185 || field->id == 186;
    if (code || (is_power && field->scope > SETTING("C2C", 0)))
        return code ? code : NOT_SUPPORTED;
    field->type = is_power ? 1 : 3; /* unsigned int, unsigned long long */
    switch (field->id) {
    case 74: field->value.big = throttled_ns("CAPPED_SHARE", gpu); return OK;
    case 185: field->value.small = average_mw(gpu); return OK;
    case 186: field->value.small = instant_mw(gpu); return OK;
    case 269: field->value.big = throttled_ns("SOFT_SHARE", gpu); return OK;
    case 270: field->value.big = throttled_ns("HW_SHARE", gpu); return OK;
    case 271: field->value.big = 0; return OK;
    default: return NOT_SUPPORTED;
    }
}

int nvmlDeviceGetFieldValues(const device_t *device, int count, field_t *fields)
{
    STOP_ON_FAULT("FIELDS");
    for (int i = 0; i < count; i++) {
        fields[i].value.big = 0;
        fields[i].code = answer(device, &fields[i]);
    }
    return OK;
}
