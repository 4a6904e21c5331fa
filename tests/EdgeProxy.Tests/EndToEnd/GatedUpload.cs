using System.Net;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>A body whose second half waits for a word.</summary>
/// <param name="patience">For how long at most; null: <see cref="Eventually.Patience"/>.</param>
internal sealed class GatedUpload(byte[] body, TimeSpan? patience = null) : HttpContent
{
    private readonly TaskCompletionSource _halfSent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task HalfSent => _halfSent.Task;

    public void SendTheRest() => _goOn.TrySetResult();

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(body.AsMemory(0, body.Length / 2), TestContext.Current.CancellationToken);
        await stream.FlushAsync(TestContext.Current.CancellationToken);
        _halfSent.TrySetResult();
        await _goOn.Task.WaitAsync(patience ?? Eventually.Patience, TestContext.Current.CancellationToken);
        await stream.WriteAsync(body.AsMemory(body.Length / 2), TestContext.Current.CancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = body.Length;
        return true;
    }
}
