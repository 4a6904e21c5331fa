using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Requests whose clients leave while the app works on them: each keeps its place, though not its lease, until the app is done with it.</summary>
/// <remarks>
/// A sync worker does not see that its client has left, and works to the end. Were the place free at once, a client that opens and resets requests would have
/// all workers, and more requests before them, with only one of them to its name at any time. There are never more connections than places in this state.
/// A response is read to its end and dropped: were the connection closed, nobody could see when the app is done with it.
/// </remarks>
/// <param name="patience">For how long at most: an app that does nothing for longer is not waited for, as by any other request, and one that writes without
/// end finds the connection closed at its next write.</param>
internal sealed class Abandonment(TimeSpan patience, TimeProvider time)
{
    /// <summary>What is dropped: written by all, read by nobody.</summary>
    private static readonly byte[] Dropped = new byte[64 * 1024];

    /// <summary>Whether the place of a request may outlive it.</summary>
    public static bool AppliesTo(ForwardedRequest? request) => request?.Lease is { HasPlace: true, Ended.IsCancellationRequested: false };

    /// <summary>Takes the connection and the place over. Called once, instead of closing the connection; nobody receives from it any more.</summary>
    public void Take(UpstreamConnection connection, Lease lease)
    {
        if (lease.TakePlace() is { } place)
        {
            _ = EndAsync(connection, place, lease.Slot);
        }
        else
        {
            connection.Close();
        }
    }

    /// <summary>Ends when the app closes the connection, as all do behind the response to a request after which nothing more comes; or with the patience. Never
    /// throws.</summary>
    private async Task EndAsync(UpstreamConnection connection, IPlaceHolder place, Slot slot)
    {
        using var over = new CancellationTokenSource(patience, time);
        try
        {
            connection.ReleaseBuffer();
            connection.ShutdownSend(); // an app that can see it gives up
            while (await connection.ReceiveAsync(Dropped, over.Token) > 0)
            {
                // What it still has to say.
            }
        }
        catch (Exception end) when (end is IOException or OperationCanceledException)
        {
            // It is over in any case.
        }
        finally
        {
            connection.Close();
            place.GiveBack(slot);
        }
    }
}
