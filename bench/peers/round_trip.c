/* The floor: the same unsigned round trip with libmosquitto in C, QoS 1, TCP_NODELAY, no thread.
 *
 *     round_trip answer HOST PORT NAME PASSWORD COMMAND_TOPIC ANSWER_TOPIC
 *     round_trip ask    HOST PORT NAME PASSWORD COMMAND_TOPIC ANSWER_TOPIC
 *
 * Speaks as bench/worker.py wants it: "ready", then for each line with a number that many samples in microseconds.
 */
#include <mosquitto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool asks, heard, subscribed;
static const char *command_topic, *answer_topic;

static void give_up(const char *what, int code)
{
    fprintf(stderr, "round_trip: %s: %s\n", what, mosquitto_strerror(code));
    exit(1);
}

static void on_connect(struct mosquitto *client, void *data, int code)
{
    (void)data;
    if (code)
        give_up("the broker refuses", code);
    mosquitto_subscribe(client, NULL, asks ? answer_topic : command_topic, 1);
}

static void on_subscribe(struct mosquitto *client, void *data, int id, int count, const int *granted)
{
    (void)client, (void)data, (void)id, (void)count, (void)granted;
    subscribed = true;
}

static void on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message)
{
    (void)data;
    heard = true;
    if (!asks)
        mosquitto_publish(client, NULL, answer_topic, message->payloadlen, message->payload, 1, false);
}

static void turn(struct mosquitto *client)
{
    int code = mosquitto_loop(client, 1000, 1);
    if (code)
        give_up("the connection ended", code);
}

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void ask(struct mosquitto *client)
{
    char line[32];
    while (fgets(line, sizeof line, stdin)) {
        long count = strtol(line, NULL, 10);
        printf("[");
        for (long i = 0; i < count; i++) {
            double begun = microseconds();
            heard = false;
            mosquitto_publish(client, NULL, command_topic, 6, "unlock", 1, false);
            while (!heard)
                turn(client);
            printf("%s%.1f", i ? ", " : "", microseconds() - begun);
        }
        printf("]\n");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    asks = !strcmp(argv[1], "ask");
    command_topic = argv[6];
    answer_topic = argv[7];
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_username_pw_set(client, argv[4], argv[5]);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    int code = mosquitto_connect(client, argv[2], atoi(argv[3]), 60);
    if (code)
        give_up("there is no connection", code);
    while (!subscribed)
        turn(client);
    puts("ready");
    fflush(stdout);
    if (asks)
        ask(client);
    else
        for (;;)
            turn(client);
    return 0;
}
