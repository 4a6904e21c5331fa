using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Tests.Support;

/// <summary>
/// The bound of a wait. Every wait of a test for something outside of it (a process, a socket, a signal from another thread) has one, so that a hang says
/// at once and by its name what never came; the time-out of a whole test stands behind.
/// </summary>
internal static class Bounds
{
    /// <summary>Fails the test when it takes longer than <paramref name="patience"/>; null: <see cref="Eventually.Patience"/>.</summary>
    public static async Task<T> Within<T>(this Task<T> task, TimeSpan? patience = null, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        await ((Task)task).Within(patience, what);
        return await task;
    }

    /// <inheritdoc cref="Within{T}(Task{T}, TimeSpan?, string)"/>
    public static async Task Within(this Task task, TimeSpan? patience = null, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        var limit = patience ?? Eventually.Patience;
        try
        {
            await task.WaitAsync(limit, TimeProvider.System, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"not within {limit}: {what}");
        }
    }

    /// <inheritdoc cref="Within{T}(Task{T}, TimeSpan?, string)"/>
    public static Task<T> Within<T>(this ValueTask<T> task, TimeSpan? patience = null, [CallerArgumentExpression(nameof(task))] string what = "") =>
        task.AsTask().Within(patience, what);

    /// <inheritdoc cref="Within{T}(Task{T}, TimeSpan?, string)"/>
    public static Task Within(this ValueTask task, TimeSpan? patience = null, [CallerArgumentExpression(nameof(task))] string what = "") =>
        task.AsTask().Within(patience, what);

    /// <summary>Waits until the process has ended by itself.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> EndWithin(this Process process, TimeSpan? patience = null, [CallerArgumentExpression(nameof(process))] string what = "")
    {
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).Within(patience, $"the end of {what}");
        return process.ExitCode;
    }

    /// <summary>Kills the process, and returns when it is gone.</summary>
    public static void KillAndWait(this Process process, bool withChildren = false)
    {
        process.Kill(withChildren);
        Assert.True(process.WaitForExit(Eventually.Patience), "a killed process does not end");
    }
}
