using System.Runtime.InteropServices;

namespace EdgeProxy.Processes;

/// <summary>A user of the machine, as getpwnam(3) knows it.</summary>
/// <param name="Name">The login name.</param>
/// <param name="Id">The user's number; 0: root.</param>
/// <param name="GroupId">The number of its first group.</param>
/// <param name="Home">The home directory.</param>
/// <param name="Shell">The login shell.</param>
internal sealed unsafe partial record UserAccount(string Name, uint Id, uint GroupId, string Home, string Shell)
{
    /// <summary>The C library has one buffer for its result.</summary>
    private static readonly Lock _asking = new();

    /// <summary>Whom the proxy runs as: its effective user.</summary>
    public static uint OwnId => GetEffectiveUserId();

    /// <summary>The name of the user that the proxy runs as, or its number where it has none.</summary>
    public static string OwnName
    {
        get
        {
            lock (_asking)
            {
                return Read(GetUserById(OwnId))?.Name ?? $"{OwnId}";
            }
        }
    }

    /// <summary>Looks up a user; null: there is none of that name.</summary>
    public static UserAccount? Find(string name)
    {
        lock (_asking)
        {
            return Read(GetUserByName(name));
        }
    }

    /// <summary>Why the proxy cannot run a command with the rights of a user, for an operator; null: it can.</summary>
    public static string? WhyNot(string name) =>
        Find(name) is not { } user ? "is not a user of this machine"
        : user.Id != OwnId && OwnId != 0
            ? $"must be {OwnName}: EdgeProxy runs as that user, and only root may run commands as another one. Leave it out, or give the command to a unit of "
                + "systemd that has User="
        : null;

    /// <summary>Gives this process the rights of the user, for good: its groups, its group, then itself.</summary>
    /// <returns>Why that was not possible; null: it was.</returns>
    public static string? TryBecome(string name)
    {
        if (Find(name) is not { } user)
        {
            return "there is no such user";
        }

        if (user.Id == OwnId)
        {
            return null;
        }

        return SetGroups(name, user.GroupId) == 0 && SetGroup(user.GroupId) == 0 && SetUser(user.Id) == 0 ? null : Marshal.GetLastPInvokeErrorMessage();
    }

    private static UserAccount? Read(Entry* entry) => entry is null
        ? null
        : new(Text(entry->Name), entry->User, entry->Group, Text(entry->Home), Text(entry->Shell));

    private static string Text(nint text) => Marshal.PtrToStringUTF8(text) ?? "";

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    [LibraryImport("libc", EntryPoint = "getpwnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial Entry* GetUserByName(string name);

    [LibraryImport("libc", EntryPoint = "getpwuid")]
    private static partial Entry* GetUserById(uint id);

    [LibraryImport("libc", EntryPoint = "initgroups", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int SetGroups(string user, uint group);

    [LibraryImport("libc", EntryPoint = "setgid", SetLastError = true)]
    private static partial int SetGroup(uint group);

    [LibraryImport("libc", EntryPoint = "setuid", SetLastError = true)]
    private static partial int SetUser(uint user);

    /// <summary><c>struct passwd</c> of Linux (glibc and musl).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Entry
    {
        public readonly nint Name;
        public readonly nint Password;
        public readonly uint User;
        public readonly uint Group;
        public readonly nint Comment;
        public readonly nint Home;
        public readonly nint Shell;
    }
}
