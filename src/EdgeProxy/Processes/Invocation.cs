using System.Globalization;
using System.Text;

namespace EdgeProxy.Processes;

/// <summary>
/// The mark of one run of a command, in the environment of all its processes as systemd's is. By it they are told from others when the proxy was killed, and
/// their leader may be gone.
/// </summary>
internal static class Invocation
{
    public const string Variable = "INVOCATION_ID";

    public static string NewId() => Guid.NewGuid().ToString("N");

    /// <summary>Whether the process is of that run. False also for one of another user, whose environment cannot be read.</summary>
    public static bool Has(int pid, string id)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/environ")).Split('\0').Contains($"{Variable}={id}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has just ended, or is another user's
        }
    }

    /// <summary>Ends what is left of a run, in whatever group it is now: SIGTERM, and SIGKILL for what is there after <paramref name="timeout"/>.</summary>
    /// <returns>How many processes there were.</returns>
    public static async Task<int> EndAsync(string id, TimeSpan timeout, TimeProvider time)
    {
        var groups = Directory.EnumerateDirectories("/proc")
            .Select(directory => int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 1 && Has(pid, id))
            .Select(ProcessGroup.WithMember)
            .OfType<ProcessGroup>()
            .Distinct()
            .ToArray();
        await Task.WhenAll(groups.Select(group => group.EndAsync(timeout, time)));
        return groups.Length;
    }
}
