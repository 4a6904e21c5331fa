namespace EdgeProxy.Hosting;

/// <summary>Decides once a second whether the threads that wait for sockets let other threads finish first (the batch class, sched(7)).</summary>
/// <remarks>
/// Under much load that saves a fifth of the CPU, and a turn comes after 0.1 ms. Where something else keeps every core busy (the app, a build), it
/// comes after several, twice in each request. The kernel says how long they wait. Figures: docs/adr/0028.
/// </remarks>
internal sealed class SocketTurns
{
    /// <summary>So many turns a second are much load (some 800 requests); in the batch class there are fewer turns, with more to do in each.</summary>
    private const int Many = 2_000, StillMany = 300;

    /// <summary>So long a wait for a turn, on average, is not for the proxy's own threads.</summary>
    private static readonly TimeSpan _tooLong = TimeSpan.FromMilliseconds(1);

    /// <summary>How many decisions later the batch class is tried again.</summary>
    private const int Rest = 60;

    private int _resting;

    /// <summary>They are to be in the batch class.</summary>
    public bool LetOthersFinish { get; private set; }

    /// <param name="turns">How often they were given a core since the last decision.</param>
    /// <param name="waited">How long in all they could have run and had none.</param>
    public void Decide(long turns, TimeSpan waited)
    {
        if (_resting > 0)
        {
            _resting--;
        }
        else if (!LetOthersFinish)
        {
            LetOthersFinish = turns >= Many;
        }
        else if (waited > _tooLong * turns)
        {
            (LetOthersFinish, _resting) = (false, Rest);
        }
        else
        {
            LetOthersFinish = turns >= StillMany;
        }
    }
}
