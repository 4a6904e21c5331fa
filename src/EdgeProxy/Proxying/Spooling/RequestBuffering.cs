using System.IO.Pipelines;
using EdgeProxy.Configuration;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Takes the body of a request in before a slot is chosen: an app, and a drain, wait for no slow upload.</summary>
/// <remarks>
/// What has come is left in the server's receive buffer, where it would be anyway: a body that is there at once, or comes fast, is copied no more than if it
/// were passed on. Only a larger one of a slow client goes to a file. The server responds to <c>Expect: 100-continue</c> at the first read, and
/// <c>MinRequestBodyDataRate</c> holds during all of them.
/// </remarks>
internal sealed class RequestBuffering(UpstreamOptions upstream, SpoolStore store, TimeProvider time)
{
    /// <summary>A client is fast, and more than <c>MemoryPerRequest</c> stays in memory, for so long...</summary>
    private static readonly TimeSpan _fast = TimeSpan.FromMilliseconds(100);

    /// <summary>...and up to so much: as much as the server would receive ahead for an app that does not read.</summary>
    private const long MostOfFast = 1 << 20;

    private readonly long _memoryPerRequest = ByteSize.Parse(upstream.Buffering.MemoryPerRequest);
    private readonly PathPrefixes _excluded = new(upstream.Buffering.ExcludePaths);

    /// <summary>Whether a body is taken in before the app is asked. A stream's is not: its app may respond before it ends.</summary>
    public bool Covers(HttpContext context, LeaseClass @class) =>
        upstream.Buffering.Requests
        && @class == LeaseClass.Http
        && !_excluded.Cover(context.Request.Path);

    /// <summary>Waits for the body to come, or for as much of it as there is room for.</summary>
    /// <param name="limit">What it may be at most; null: anything.</param>
    /// <param name="stopping">The proxy waits no longer.</param>
    /// <exception cref="BadHttpRequestException">The body is invalid, too large, or comes too slowly: nothing of it in <c>ActivityTimeout</c>, say.</exception>
    /// <exception cref="IOException">The client has left.</exception>
    /// <exception cref="OperationCanceledException">The client has left.</exception>
    public ValueTask<RequestIntake> TakeInAsync(HttpContext context, PipeReader body, LimitedRequestBody? limit, CancellationToken stopping)
    {
        var reading = body.ReadAsync(CancellationToken.None); // see BodyWait
        if (!reading.IsCompletedSuccessfully)
        {
            return WaitAsync(context, body, limit, reading, stopping);
        }

        var result = reading.Result;
        if (!result.IsCompleted)
        {
            return WaitAsync(context, body, limit, new ValueTask<ReadResult>(result), stopping);
        }

        var length = result.Buffer.Length; // asked now: AdvanceTo takes the buffer back
        body.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        limit?.Demand(length);
        return new ValueTask<RequestIntake>(new RequestIntake(null, length));
    }

    private async ValueTask<RequestIntake> WaitAsync(
        HttpContext context, PipeReader body, LimitedRequestBody? limit, ValueTask<ReadResult> reading, CancellationToken stopping)
    {
        var spool = new RequestSpool(store);
        try
        {
            using var wait = new BodyWait(body, upstream.ActivityTimeout, time);
            using var stop = stopping.UnsafeRegister(static wait => ((BodyWait)wait!).Interrupt(), wait);
            using var abort = context.RequestAborted.UnsafeRegister(static wait => ((BodyWait)wait!).Interrupt(), wait);
            return await FillAsync(spool, wait, context, body, limit, reading, stopping);
        }
        catch
        {
            spool.Dispose();
            throw;
        }
    }

    private async ValueTask<RequestIntake> FillAsync(
        RequestSpool spool,
        BodyWait wait,
        HttpContext context,
        PipeReader body,
        LimitedRequestBody? limit,
        ValueTask<ReadResult> reading,
        CancellationToken stopping)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            wait.Begin();
            var result = await reading;
            var isIdle = wait.End(result.IsCanceled);
            if (isIdle || context.RequestAborted.IsCancellationRequested)
            {
                body.AdvanceTo(result.Buffer.End); // the reader is left as the server wants it
                context.RequestAborted.ThrowIfCancellationRequested();
                throw new BadHttpRequestException("Nothing of the request body has come for too long.", StatusCodes.Status408RequestTimeout);
            }

            var held = result.Buffer.Length;
            Demand(limit, spool.Length + held, body, result);
            if (result.IsCompleted || stopping.IsCancellationRequested)
            {
                body.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                return new RequestIntake(spool, result.IsCompleted ? spool.Length + held : null, IsStopped: !result.IsCompleted);
            }

            var isFast = spool.Length == 0 && held <= MostOfFast && time.GetElapsedTime(started) < _fast;
            if ((isFast || held <= _memoryPerRequest) && spool.TryHold(held))
            {
                body.AdvanceTo(result.Buffer.Start, result.Buffer.End); // it stays where it is
            }
            else if (await spool.TryAppendAsync(result.Buffer))
            {
                body.AdvanceTo(result.Buffer.End);
                spool.TryHold(0);
            }
            else
            {
                // The reader has been told that all of it was examined, so that it would not show it again before more has come.
                spool.Keep(result.Buffer);
                body.AdvanceTo(result.Buffer.End);
                return new RequestIntake(spool, Length: null);
            }

            reading = body.ReadAsync(CancellationToken.None);
        }
    }

    /// <exception cref="BadHttpRequestException">It is too large; the reader is left as the server wants it, to read on and drop the rest.</exception>
    private static void Demand(LimitedRequestBody? limit, long length, PipeReader body, in ReadResult result)
    {
        try
        {
            limit?.Demand(length);
        }
        catch
        {
            body.AdvanceTo(result.Buffer.End);
            throw;
        }
    }
}

/// <summary>What was taken in of a request's body.</summary>
/// <param name="Spool">What has been taken from the connection, to be read first; null: nothing.</param>
/// <param name="Length">Of the whole body, whose rest waits in the server's receive buffer; null: it is not complete, and goes on coming.</param>
/// <param name="IsStopped">The proxy stops, and waits no longer.</param>
internal readonly record struct RequestIntake(RequestSpool? Spool, long? Length, bool IsStopped = false);
