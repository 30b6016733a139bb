/* The limit: what libavcodec itself takes for a decode of whole clips on one thread, without Python, hash, clocks or verdicts.

   Build (Debian: apt-get install gcc pkg-config libavformat-dev libavcodec-dev libavutil-dev):

       gcc -O2 -o c_reference benchmarks/c_reference.c $(pkg-config --cflags --libs libavformat libavcodec libavutil)

   Run: c_reference full|skip CLIP...    (skip: without the loop filter, as the decode check does)

   Prints frames of video and audio. benchmarks/decode_check.py takes it with --c-reference PATH. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>

static long counts[2]; /* video, audio */

static void receive(AVCodecContext *context, AVFrame *frame)
{
    while (avcodec_receive_frame(context, frame) >= 0) {
        counts[context->codec_type == AVMEDIA_TYPE_AUDIO]++;
        av_frame_unref(frame);
    }
}

static AVCodecContext *opened(AVFormatContext *container, enum AVMediaType kind, int is_skipped, int *number)
{
    const AVCodec *codec = NULL;
    AVCodecContext *context;

    *number = av_find_best_stream(container, kind, -1, -1, &codec, 0);
    if (*number < 0)
        return NULL;
    context = avcodec_alloc_context3(codec);
    if (!context)
        return NULL;
    context->thread_count = 1;
    if (is_skipped)
        context->skip_loop_filter = AVDISCARD_ALL;
    if (avcodec_parameters_to_context(context, container->streams[*number]->codecpar) < 0 || avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

static int decode(const char *path, int is_skipped, AVPacket *packet, AVFrame *frame)
{
    enum AVMediaType kinds[2] = {AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO};
    AVCodecContext *contexts[2];
    AVFormatContext *container = NULL;
    int numbers[2], i;

    if (avformat_open_input(&container, path, NULL, NULL) < 0)
        return 1;
    if (avformat_find_stream_info(container, NULL) < 0) {
        avformat_close_input(&container);
        return 1;
    }
    for (i = 0; i < 2; i++)
        contexts[i] = opened(container, kinds[i], is_skipped, &numbers[i]);
    while (av_read_frame(container, packet) >= 0) {
        for (i = 0; i < 2; i++)
            if (contexts[i] && packet->stream_index == numbers[i]) {
                avcodec_send_packet(contexts[i], packet);
                receive(contexts[i], frame);
            }
        av_packet_unref(packet);
    }
    for (i = 0; i < 2; i++)
        if (contexts[i]) {
            avcodec_send_packet(contexts[i], NULL);
            receive(contexts[i], frame);
            avcodec_free_context(&contexts[i]);
        }
    avformat_close_input(&container);
    return 0;
}

int main(int argc, char **argv)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int i, is_bad = 0;

    if (argc < 3 || (strcmp(argv[1], "full") && strcmp(argv[1], "skip")) || !packet || !frame) {
        fprintf(stderr, "usage: c_reference full|skip CLIP...\n");
        return 2;
    }
    for (i = 2; i < argc; i++)
        is_bad |= decode(argv[i], !strcmp(argv[1], "skip"), packet, frame);
    printf("%ld frames of video, %ld of audio\n", counts[0], counts[1]);
    av_packet_free(&packet);
    av_frame_free(&frame);
    return is_bad;
}
